"""What the peers do for the cases of prims.lua: {library: {case: function of one picture}}, one thread each.
The same work: same kernel size, interpolation, border where the peer has it, quality and subsampling; results newly
allocated on both sides. SPDX-License-Identifier: MIT"""
import io


def opencv(w, h, c, f32):
    import cv2
    import numpy as np
    cv2.setNumThreads(1)
    full = 1.0 if f32 else 255.0
    table = np.array([255 * (v / 255) ** 2 for v in range(256)], dtype=np.uint8)
    tables = np.stack([table, table[::-1], table], axis=1).reshape(1, 256, 3).copy()
    rot = cv2.getRotationMatrix2D((w / 2, h / 2), 30, 1)
    line = np.zeros((25, 25), np.float32)
    cv2.line(line, (1, 18), (23, 6), 1)
    line /= line.sum()
    mat = np.array([[.4, .4, .2], [.3, .5, .2], [.2, .3, .5]], np.float32)
    corners = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    moved = np.float32([[.05 * w, .1 * h], [.9 * w, .05 * h], [.95 * w, .9 * h], [.1 * w, .95 * h]])
    persp = cv2.getPerspectiveTransform(corners, moved)
    xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    r = np.random.default_rng(1)

    def kernel(n):
        return np.array([(i % 7 - 2) / (n * n) for i in range(1, n * n + 1)], np.float32).reshape(n, n)

    def scale(im, gain, offset=0):
        return cv2.multiply(im, (gain,) * 4) + np.float32(offset) if f32 else cv2.convertScaleAbs(im, alpha=gain, beta=255 * offset)

    def hsv(im, change):
        v = cv2.cvtColor(im, cv2.COLOR_RGB2HSV)
        change(v)
        return cv2.cvtColor(v, cv2.COLOR_HSV2RGB)

    def hue(v):
        cv2.LUT(v[..., 0], np.roll(np.arange(256, dtype=np.uint8), 20))

    def times(channel):
        def change(v):
            v[..., channel] = cv2.convertScaleAbs(v[..., channel], alpha=1.5)
        return change

    def contrast(im):
        m = sum(cv2.mean(im)[:3]) / 3 / full
        return scale(im, 1.3, -.3 * m)

    def jitter(im):
        im = contrast(scale(im, 1.2))
        return hsv(im, lambda v: (hue(v), times(1)(v)))

    def grey(im):
        return cv2.cvtColor(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

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

    def elastic(im):
        d = [cv2.GaussianBlur(r.standard_normal((h, w), dtype=np.float32), (0, 0), 10) for _ in range(2)]
        return cv2.remap(im, xs + 140 * d[0], ys + 140 * d[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def gaussian(sigma):
        return lambda im: cv2.GaussianBlur(im, (0, 0), sigma)

    def box(side):
        return lambda im: cv2.blur(im, (side, side))

    def median(side):
        return lambda im: cv2.medianBlur(im, side)

    def convolve(n):
        k = kernel(n)
        return lambda im: cv2.filter2D(im, -1, k)

    def rotate(interp, border=cv2.BORDER_CONSTANT):
        return lambda im: cv2.warpAffine(im, rot, (w, h), flags=interp, borderMode=border)

    def resize(to_w, to_h, interp):
        return lambda im: cv2.resize(im, (to_w, to_h), interpolation=interp)

    cases = {
        "brightness": lambda im: scale(im, 1, .2),
        "brightness_gain": lambda im: scale(im, 1.3),
        "contrast": contrast,
        "shift_red": lambda im: cv2.add(im, (.2 * full, 0, 0, 0)),
        "invert": lambda im: cv2.bitwise_not(im) if not f32 else 1 - im,
        "gaussian_1": gaussian(1), "gaussian_5": gaussian(5), "gaussian_10": gaussian(10),
        "box_3": box(3), "box_7": box(7), "box_31": box(31),
        "median_3": median(3), "median_5": median(5),
        "motion_25": lambda im: cv2.filter2D(im, -1, line),
        "convolve_3": convolve(3), "convolve_7": convolve(7),
        "sharpen": convolve(3),
        "unsharp": lambda im: cv2.addWeighted(im, 2, cv2.GaussianBlur(im, (0, 0), 1), -1, 0),
        "rotate_30": rotate(cv2.INTER_LINEAR),
        "rotate_30_reflect": rotate(cv2.INTER_LINEAR, cv2.BORDER_REFLECT),
        "rotate_30_nearest": rotate(cv2.INTER_NEAREST),
        "rotate_30_cubic": rotate(cv2.INTER_CUBIC),
        "perspective": lambda im: cv2.warpPerspective(im, persp, (w, h)),
        "elastic_10": elastic,
        "flip": lambda im: cv2.flip(im, 1),
        "rotate_90": lambda im: cv2.rotate(im, cv2.ROTATE_90_COUNTERCLOCKWISE),
        "resize_half": resize(w // 2, h // 2, cv2.INTER_AREA),
        "resize_224": resize(224, 224, cv2.INTER_AREA),
        "resize_double": resize(w * 2, h * 2, cv2.INTER_LINEAR),
        "copy": lambda im: im.copy(),
    }
    if c == 3:
        cases |= {
            "grayscale": grey,
            "matrix": lambda im: cv2.transform(im, mat),
            "saturation_luma": lambda im: cv2.addWeighted(im, 1.5, grey(im), -.5, 0),
        }
    if not f32:
        cases |= {
            "lut": lambda im: cv2.LUT(im, table),
            "solarize": lambda im: cv2.LUT(im, table),
            "posterize": lambda im: cv2.bitwise_and(im, (240, 240, 240, 240)),
            "tables_chain": lambda im: cv2.LUT(cv2.LUT(cv2.LUT(cv2.LUT(im, table), table), table), table),
            "median_7": median(7), "median_11": median(11),
            "gaussian_noise": noise, "multiplicative_noise": multiply, "pixel_dropout": dropout,
        }
        if c != 4:
            how = cv2.IMREAD_COLOR if c == 3 else cv2.IMREAD_GRAYSCALE
            cases["jpeg_50"] = lambda im: cv2.imdecode(cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], how)
            cases["jpeg_encode"] = lambda im: cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, 90])
    if c == 1:
        cases["equalize"] = cv2.equalizeHist
    if c == 3 and not f32:
        cases |= {
            "channel_gain": lambda im: cv2.LUT(im, tables),
            "hue": lambda im: hsv(im, hue),
            "saturation": lambda im: hsv(im, times(1)),
            "value": lambda im: hsv(im, times(2)),
            "colour_jitter": jitter,
        }
    return f"opencv-{cv2.__version__}", lambda a: a, cases


def pillow(w, h, c, f32):
    import PIL
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps
    if f32:
        raise ImportError
    table = [int(255 * (v / 255) ** 2) for v in range(256)] * c

    def jpeg(im):
        f = io.BytesIO()
        im.save(f, "JPEG", quality=50)
        out = Image.open(f)
        out.load()
        return out

    cases = {
        "brightness_gain": lambda im: ImageEnhance.Brightness(im).enhance(1.3),
        "contrast": lambda im: ImageEnhance.Contrast(im).enhance(1.3),
        "lut": lambda im: im.point(table),
        "gaussian_1": lambda im: im.filter(ImageFilter.GaussianBlur(1)),
        "gaussian_5": lambda im: im.filter(ImageFilter.GaussianBlur(5)),
        "gaussian_10": lambda im: im.filter(ImageFilter.GaussianBlur(10)),
        "box_3": lambda im: im.filter(ImageFilter.BoxBlur(1)),
        "box_7": lambda im: im.filter(ImageFilter.BoxBlur(3)),
        "box_31": lambda im: im.filter(ImageFilter.BoxBlur(15)),
        "rotate_30": lambda im: im.rotate(30, Image.BILINEAR),
        "rotate_30_nearest": lambda im: im.rotate(30),
        "rotate_30_cubic": lambda im: im.rotate(30, Image.BICUBIC),
        "flip": ImageOps.mirror,
        "rotate_90": lambda im: im.transpose(Image.ROTATE_90),
        "resize_half": lambda im: im.resize((w // 2, h // 2), Image.BOX),
        "resize_224": lambda im: im.resize((224, 224), Image.BOX),
        "resize_224_linear": lambda im: im.resize((224, 224), Image.BILINEAR),
        "resize_double": lambda im: im.resize((2 * w, 2 * h), Image.BILINEAR),
        "copy": lambda im: im.copy(),
    }
    if c < 4:
        cases |= {
            "solarize": ImageOps.solarize,
            "posterize": lambda im: ImageOps.posterize(im, 4),
            "invert": ImageOps.invert,
            "autocontrast": ImageOps.autocontrast,
            "equalize": ImageOps.equalize,
            "jpeg_50": jpeg,
        }
    if c == 3:
        cases["saturation_luma"] = lambda im: ImageEnhance.Color(im).enhance(1.5)
    return f"pillow-{PIL.__version__}", Image.fromarray, cases


def albumentations(w, h, c, f32):
    import cv2
    import albumentations as A
    cv2.setNumThreads(1)
    if c != 3 or f32:
        raise ImportError

    def whole(t):
        return lambda im: t(image=im)["image"]

    return f"albumentations-{A.__version__}", lambda a: a, {
        "elastic_10": whole(A.ElasticTransform(alpha=140, sigma=10, p=1)),
        "motion_25": whole(A.MotionBlur(blur_limit=(25, 25), p=1)),
        "perspective": whole(A.Perspective(scale=(.1, .1), p=1)),
        "grid_distort": whole(A.GridDistortion(num_steps=5, distort_limit=.3, p=1)),
        "posterize": whole(A.Posterize(num_bits=(4, 4), p=1)),
        "solarize": whole(A.Solarize(threshold_range=(.5, .5), p=1)),
        "superpixels": whole(A.Superpixels(p_replace=(.5, .5), n_segments=(100, 100), max_size=None, p=1)),
        "jpeg_50": whole(A.ImageCompression(quality_range=(50, 50), p=1)),
        "gaussian_noise": whole(A.GaussNoise(std_range=(.1, .1), p=1)),
        "multiplicative_noise": whole(A.MultiplicativeNoise(multiplier=(.7, 1.3), elementwise=True, p=1)),
        "pixel_dropout": whole(A.PixelDropout(dropout_prob=.1, p=1)),
        "hue": whole(A.HueSaturationValue((20, 20), 0, 0, p=1)),
        "equalize": whole(A.Equalize(by_channels=True, p=1)),
        "rotate_30": whole(A.SafeRotate(limit=(30, 30), p=1)),
        "colour_jitter": whole(A.ColorJitter((1.2, 1.2), (1.2, 1.2), (1.2, 1.2), (.05, .05), p=1)),
        "median_5": whole(A.MedianBlur(blur_limit=(5, 5), p=1)),
        "sharpen": whole(A.Sharpen(alpha=(.5, .5), p=1)),
        "unsharp": whole(A.UnsharpMask(blur_limit=(7, 7), sigma_limit=(1, 1), alpha=(.5, .5), p=1)),
    }


LIBRARIES = [opencv, pillow, albumentations]
