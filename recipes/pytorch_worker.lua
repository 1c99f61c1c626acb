--- A PyTorch model, in Python processes of its own: pytorch_predict.py beside this file.
--
--   brink search photos/ --recipe recipes/pytorch_worker.lua --labels none
--   PYTHON=/usr/bin/python3 WEIGHTS=net.pt brink eval photos/ --recipe recipes/pytorch_worker.lua
--   brink recipes/pytorch_worker.lua PICTURE ...                            its answers
--
-- Python loads the network once per worker and then only predicts. What it prints goes to standard error; an exception is
-- the failure of one picture; a worker that dies is replaced. Any language can do the same: engine/model/PROTOCOL.md.
-- SPDX-License-Identifier: MIT
local brink = require "brink"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"

local net, message = brink.model {
  process = { os.getenv "PYTHON" or "python3", here .. "pytorch_predict.py" },
  timeout = 60,       -- seconds for a batch
  start_timeout = 120, -- loading may take long
}
if not net then error(message, 0) end

if arg and arg[0] and arg[0]:find "pytorch_worker%.lua$" then
  if not arg[1] then error("which pictures? (brink recipes/pytorch_worker.lua PICTURE ...)", 0) end
  brink.map(arg, function(path)
    local image = assert(brink.image.load(path))
    local label, sure = net:predict(image)
    print(("%s: %s"):format(path, label and ("%s, %.3f"):format(label, sure) or sure))
  end)
  return
end

return { model = net }
