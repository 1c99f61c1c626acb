--- A model behind a server: KServe, Triton, MLServer, TorchServe, OpenVINO Model Server.
--
--   SERVER=http://127.0.0.1:8000 MODEL=resnet brink search photos/ --recipe recipes/server_model.lua
--   SERVER=http://127.0.0.1:8000 MODEL=resnet brink recipes/server_model.lua PICTURE ...      its answers
--
-- `input` says how a picture becomes the network's input: take it from where the network was trained. The server is asked
-- for names, shapes and types, and a declaration that does not fit is an error.
-- SPDX-License-Identifier: MIT
local brink = require "brink"

local net, message = brink.model {
  server = os.getenv "SERVER" or "http://127.0.0.1:8000",
  model = os.getenv "MODEL" or "resnet",
  input = os.getenv "INPUT" or "imagenet",
  output = { "classify", labels = os.getenv "LABELS" }, -- a file with a name per line; without it classes are numbers
  timeout = 10,
}
if not net then error(message, 0) end

if arg and arg[0] and arg[0]:find "server_model%.lua$" then
  if not arg[1] then error("which pictures? (brink recipes/server_model.lua PICTURE ...)", 0) end
  brink.map(arg, function(path)
    local image = assert(brink.image.load(path))
    local label, sure = net:predict(image)
    print(("%s: %s"):format(path, label and ("%s, %.3f"):format(tostring(label), sure) or sure))
  end)
  return
end

return { model = net }
