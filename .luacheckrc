-- luacheck lua tests examples recipes
-- SPDX-License-Identifier: MIT
std = "lua54"
max_line_length = false
self = false -- methods of one interface have one shape, whether they look at the object or not
globals = { "arg" } -- a script sees its own words there
ignore = {
  "211/guard.*", -- held for its __close
  "211/held",
  "432/self", -- a method defined inside a method
  "581", -- not (a > b) is true for NaN, a <= b is not
}
exclude_files = { "build" }
files["tests"].ignore = {
  "211/_.*",
  "311", -- a call's results are taken together
  "512", -- loops left at once are what is tested
}
