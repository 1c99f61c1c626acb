"""The same operations by OpenCV and Pillow, one thread, 512x512x3 u8: lines of name, library, images per second.
Used by prims.lua; a library that is not installed is left out; status 1: none is. SPDX-License-Identifier: MIT"""
import time

SIDE, IMAGES, SAMPLES, SAMPLE_SECONDS = 512, 4, 15, 0.015


def rate(images, fn):
    rates = []
    for _ in range(SAMPLES):
        start, n = time.process_time(), 0
        while True:
            for im in images:
                fn(im)
                n += 1
            spent = time.process_time() - start
            if spent >= SAMPLE_SECONDS:
                break
        rates.append(n / spent)
    return sorted(rates)[SAMPLES // 2]


def report(library, images, cases):
    for name, fn in cases:
        print(f"{name}\t{library}\t{rate(images, fn):.1f}", flush=True)


def arrays():
    import numpy as np
    r = np.random.default_rng(1)
    # smooth over a few pixels, as photographs are
    small = [r.integers(0, 256, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8) for _ in range(IMAGES)]
    return [np.ascontiguousarray(np.kron(s, np.ones((4, 4, 1), dtype=np.uint8))) for s in small]


def opencv():
    import cv2
    import numpy as np
    cv2.setNumThreads(1)
    images = arrays()
    table = np.array([255 * (v / 255) ** 2 for v in range(256)], dtype=np.uint8)
    tables = np.stack([table, table[::-1], table], axis=1).reshape(1, 256, 3).copy()
    rot = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 30, 1)
    line = np.zeros((25, 25), np.float32)
    cv2.line(line, (1, 18), (23, 6), 1)
    line /= line.sum()
    mat = np.array([[.4, .4, .2], [.3, .5, .2], [.2, .3, .5]], np.float32)

    def hsv(im, change):
        h = cv2.cvtColor(im, cv2.COLOR_RGB2HSV)
        change(h)
        return cv2.cvtColor(h, cv2.COLOR_HSV2RGB)

    def hue(h):
        cv2.LUT(h[..., 0], np.roll(np.arange(256, dtype=np.uint8), 20))

    def scale(channel):
        def change(h):
            h[..., channel] = cv2.convertScaleAbs(h[..., channel], alpha=1.5)
        return change

    def contrast(im):
        m = sum(cv2.mean(im)[:3]) / 3
        return cv2.convertScaleAbs(im, alpha=1.3, beta=-.3 * m)

    def jitter(im):
        im = contrast(cv2.convertScaleAbs(im, alpha=1.2))
        return hsv(im, lambda h: (hue(h), scale(1)(h)))

    def jpeg(im):
        return cv2.imdecode(cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1)

    def noise(im):
        n = np.empty(im.shape, np.int16)
        cv2.randn(n, 0, 25)
        return cv2.add(im, n, dtype=cv2.CV_8U)

    def multiply(im):
        n = np.empty(im.shape, np.float32)
        cv2.randu(n, .7, 1.3)
        return cv2.multiply(im, n, dtype=cv2.CV_8U)

    def dropout(im):
        n = np.empty(im.shape[:2], np.float32)
        cv2.randu(n, 0, 1)
        out = im.copy()
        out[n < .1] = 0
        return out

    def unsharp(im):
        return cv2.addWeighted(im, 2, cv2.GaussianBlur(im, (0, 0), 1), -1, 0)

    def saturation_luma(im):
        g = cv2.cvtColor(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return cv2.addWeighted(im, 1.5, g, -.5, 0)

    report(f"opencv-{cv2.__version__}", images, [
        ("brightness", lambda im: cv2.convertScaleAbs(im, alpha=1, beta=51)),
        ("brightness_gain", lambda im: cv2.convertScaleAbs(im, alpha=1.3)),
        ("contrast", contrast),
        ("lut", lambda im: cv2.LUT(im, table)),
        ("gamma", lambda im: cv2.LUT(im, table)),
        ("shift_red", lambda im: cv2.add(im, (51, 0, 0, 0))),
        ("channel_gain", lambda im: cv2.LUT(im, tables)),
        ("solarize", lambda im: cv2.LUT(im, table)),
        ("posterize", lambda im: cv2.bitwise_and(im, (240, 240, 240, 240))),
        ("invert", cv2.bitwise_not),
        ("hue", lambda im: hsv(im, hue)),
        ("saturation", lambda im: hsv(im, scale(1))),
        ("saturation_luma", saturation_luma),
        ("value", lambda im: hsv(im, scale(2))),
        ("grayscale", lambda im: cv2.cvtColor(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)),
        ("matrix", lambda im: cv2.transform(im, mat)),
        ("colour_jitter", jitter),
        ("tables_chain", lambda im: cv2.LUT(cv2.LUT(cv2.LUT(cv2.LUT(im, table), table), table), table)),
        ("gaussian_1", lambda im: cv2.GaussianBlur(im, (0, 0), 1)),
        ("gaussian_5", lambda im: cv2.GaussianBlur(im, (0, 0), 5)),
        ("gaussian_10", lambda im: cv2.GaussianBlur(im, (0, 0), 10)),
        ("motion_25", lambda im: cv2.filter2D(im, -1, line)),
        ("unsharp", unsharp),
        ("rotate_30", lambda im: cv2.warpAffine(im, rot, (SIDE, SIDE))),
        ("flip", lambda im: cv2.flip(im, 1)),
        ("resize_224", lambda im: cv2.resize(im, (224, 224), interpolation=cv2.INTER_AREA)),
        ("gaussian_noise", noise),
        ("multiplicative_noise", multiply),
        ("pixel_dropout", dropout),
        ("jpeg_50", jpeg),
    ])


def pillow():
    import io
    import PIL
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps
    images = [Image.fromarray(a) for a in arrays()]
    table = [int(255 * (v / 255) ** 2) for v in range(256)] * 3

    def jpeg(im):
        f = io.BytesIO()
        im.save(f, "JPEG", quality=50)
        out = Image.open(f)
        out.load()
        return out

    report(f"pillow-{PIL.__version__}", images, [
        ("brightness_gain", lambda im: ImageEnhance.Brightness(im).enhance(1.3)),
        ("contrast", lambda im: ImageEnhance.Contrast(im).enhance(1.3)),
        ("lut", lambda im: im.point(table)),
        ("solarize", ImageOps.solarize),
        ("posterize", lambda im: ImageOps.posterize(im, 4)),
        ("invert", ImageOps.invert),
        ("autocontrast", ImageOps.autocontrast),
        ("equalize", ImageOps.equalize),
        ("saturation_luma", lambda im: ImageEnhance.Color(im).enhance(1.5)),
        ("gaussian_1", lambda im: im.filter(ImageFilter.GaussianBlur(1))),
        ("gaussian_5", lambda im: im.filter(ImageFilter.GaussianBlur(5))),
        ("gaussian_10", lambda im: im.filter(ImageFilter.GaussianBlur(10))),
        ("flip", ImageOps.mirror),
        ("resize_224", lambda im: im.resize((224, 224), Image.BILINEAR)),
        ("jpeg_50", jpeg),
    ])


found = 0
for library in (opencv, pillow):
    try:
        library()
        found += 1
    except ImportError:
        pass
raise SystemExit(0 if found else 1)
