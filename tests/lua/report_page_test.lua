-- The report page as text: safe, complete, deterministic. SPDX-License-Identifier: MIT
local t = require "check"
local page = require "brink.report.page"
local html = require "brink.report.html"
local svg = require "brink.report.svg"
local core = require "brink.core"

local pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

local function sample_report(name)
  local curve = {}
  for k = 0, 20 do
    local i = k / 20
    curve[#curve + 1] = { i = i, rise = i * i, lo = math.max(0, i * i - 0.1), hi = math.min(1, i * i + 0.1), n = 50, few = k % 3 == 1 }
  end
  local function shot(i) return { src = pixel, width = 1, height = 1, i = i, sample = name, label = name, prediction = name, hash = ("ab"):rep(16), physical = "3 px" } end
  local row = { name = "GaussianBlur", side = "", family = "blur", doc = name, curve = curve, onset = { i = 0.15, lo = 0.1, hi = 0.2, physical = "3 px" },
    break_ = { i = 0.7, lo = 0.6, hi = 0.8, physical = "14 px" }, islands = { { 0.9, 1 } }, units = { "0", "5", "10", "15", "20", name = "sigma, px" },
    first_failure = shot(0.2), last_success = shot(0.7), strip = { shot(0), shot(0.5), shot(1) },
    per_class = { { name = name, n = 3, onset = 0.1, break_ = 0.5 }, { name = "b", n = 4 } } }
  local never = { name = "Hue", side = "+", family = "colour", doc = "turns", curve = { { i = 0, rise = 0 }, { i = 1, rise = 0.01 } } }
  return { title = "t " .. name, lead = name, facts = { { "images", "50" } }, classes = { name, "b" }, rows = { row, never },
    failures = { { name, name } }, settings = { { "seed", "1" } }, settings_used = { onset = 0.02, break_at = 0.49 } }
end

t.test("the same table gives the same bytes", function()
  t.eq(page.render(sample_report("a")), page.render(sample_report("a")))
end)

t.test("names cannot become markup, script or break out of attributes", function()
  local evil = "</title></style><script>alert(1)</script>\"' onerror=alert(1) <img src=x>\u{202E}\0\xff{{title}}"
  local text = page.render(sample_report(evil))
  t.ok(not text:find("<script", 1, true))
  t.ok(not text:find("<img src=x", 1, true))
  t.ok(not text:find("\u{202E}", 1, true) and not text:find("\0", 1, true))
  t.ok(utf8.len(text), "the page is UTF-8")
  t.ok(not text:find('"[^"<>]*\' onerror'), "no raw quote in an attribute")
end)

t.test("the naughty strings stay text", function()
  local list = t.shared("corpora/names")
  for _, file in ipairs(core.file.list(list)) do
    local text = core.file.read(list .. "/" .. file)
    for line in text:gmatch("[^\n]+") do
      local e = html.escape(line)
      t.ok(not e:find("[<>\"']") and utf8.len(e), line)
    end
  end
end)

t.test("no address of a network and no script in the page", function()
  local text = page.render(sample_report("a")):gsub("http%-equiv", "")
  t.ok(not text:find("https?:"))
  t.ok(not text:find("<script"))
  t.ok(text:find("default%-src 'none'"))
end)

t.test("everything a reader needs is there", function()
  local text = page.render(sample_report("zebra"))
  for _, part in ipairs { "GaussianBlur", "Hue +", "first failure", "last success", "0.15", "0.70", "3 px", "zebra", "per class", "Files that were left out", "Settings", "Not monotone", "Never costs" } do
    t.ok(text:find(part, 1, true), part)
  end
end)

t.test("every picture has words, what scrolls can be reached by key, links lead somewhere", function()
  local text = page.render(sample_report "a")
  for tag in text:gmatch "<img[^>]*>" do t.ok(tag:find ' alt="[^"]+"', tag) end
  for tag in text:gmatch '<div class="s[ct]r[^>]*>' do t.ok(tag:find('tabindex="0"', 1, true), tag) end
  for svg in text:gmatch "<svg.->.-</svg>" do t.ok(svg:find 'role="img"' and svg:find "<title>[^<]+</title>", svg:sub(1, 80)) end
  for target in text:gmatch 'href="#([^"]+)"' do
    local _, count = text:gsub('id="' .. target:gsub("%p", "%%%0") .. '"', "")
    t.eq(count, 1, target)
  end
end)

t.test("ten thousand bad files do not bury the page", function()
  local report = sample_report "a"
  for k = 1, 10000 do report.failures[k] = { ("%05d.png"):format(k), "truncated" } end
  local text = page.render(report)
  t.has(text, "00300.png")
  t.ok(not text:find("00301.png", 1, true))
  t.has(text, "and 9700 more")
end)

t.test("a stretch measured on few pictures is thin, the rest is not", function()
  local report = sample_report "a"
  local text = page.render(report)
  t.ok(text:find('class="line few"', 1, true) and text:find('class="line"', 1, true))
  for _, p in ipairs(report.rows[1].curve) do p.few = false end
  t.ok(not page.render(report):find('class="line few"', 1, true))
end)

t.test("where few pictures were asked the line keeps to the band or passes by; the dot stays", function()
  local function curve(n, few)
    return svg.curve({ { i = 0, rise = 0 }, { i = 0.5, rise = 0.5, lo = 0, hi = 0.25, n = n, few = few }, { i = 1, rise = 0.1, few = few, n = 2 } }, { title = "t" })
  end
  local glance, few, all = curve(2, true), curve(9, true), curve(2, false)
  local function dot(s) return s:match 'cx="295" cy="([%d.]+)"' end -- half way across
  t.eq({ dot(glance), dot(few) }, { dot(all), dot(all) })
  local function line(s, class) return tonumber(s:match('L295 ([%d.]+)[^"]*" class="' .. class .. '"')) end
  t.ok(line(few, "line few") > line(all, "line"))
  t.eq(line(glance, "line few"), nil)
  t.ok(glance:find('L544 [%d.]+" class="line few"'), "the last tick belongs to the line")
  local points = { { i = 0, rise = 0, n = 50 } }
  for k = 1, 4 do points[k + 1] = { i = k / 4, rise = k % 2, n = 2, few = true } end
  local y = ("%.1f"):format(tonumber(svg.curve({ { i = 0, rise = 0.5 } }, { title = "t" }):match 'cy="([%d.]+)"')):gsub("%.0$", "")
  t.has(svg.curve(points, { title = "t" }), ("L170.5 %sL544 %s\" class=\"line few\""):format(y, y))
end)

t.test("a warning stands at the top, escaped; without one there is none", function()
  local report = sample_report "a"
  t.ok(not page.render(report):find('class="warning"', 1, true))
  report.warning = "all <b>"
  t.has(page.render(report), '<p class="warning">all &lt;b&gt;</p>')
end)

t.test("an answer that is right needs no second name; the whole hash is there", function()
  local report = sample_report "a"
  local shot = report.rows[1].first_failure
  shot.label, shot.prediction, shot.error = "cat", "dog", 1
  t.has(page.render(report), "expected <b>cat</b>, got <b>dog</b>, error 1.00")
  shot.prediction, shot.error = "cat", 0.7
  t.has(page.render(report), "<b>cat</b>, as expected but not sure, error 0.70")
  shot.overlay = '<svg class="over"></svg>'
  t.has(page.render(report), "expected <b>cat</b> (green), got <b>cat</b> (orange), error 0.70")
  t.has(page.render(report), 'title="hash of the tested pixels: ' .. shot.hash .. '"')
end)

t.test("a template with a missing value raises", function()
  t.raises(function() html.fill("{{a}}", {}) end, "no value for {{a}}")
end)

t.done()
