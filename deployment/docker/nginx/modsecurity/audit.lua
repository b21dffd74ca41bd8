-- Writes one line of JSON for the request that is being judged: audit.conf.

-- One write of a pipe stays in one piece up to 4096 bytes.
local FINDINGS_MAX = 20
local LENGTH_MAX = 100

local function quoted(text)
  local printable = (text or ""):sub(1, LENGTH_MAX):gsub("[^\32-\126]", "?"):gsub('[\\"]', "\\%0")
  return '"' .. printable .. '"'
end

function main()
  local findings = {}
  for rule, place in (m.getvar("tx.caudal_findings") or ""):gmatch("finding_(%d+)@(%S*)") do
    if #findings < FINDINGS_MAX then
      findings[#findings + 1] = '{"rule":' .. rule .. ',"in":' .. quoted(place) .. "}"
    end
  end
  -- The descriptor that the worker has from its start: it may not open the file anew.
  io.stdout:write(
    '{"time":"' .. os.date("!%Y-%m-%dT%H:%M:%SZ") .. '","level":"warn","msg":"firewall","mode":'
      .. quoted(m.getvar("tx.caudal_mode")) .. ',"requestId":' .. quoted(m.getvar("UNIQUE_ID"))
      .. ',"method":' .. quoted(m.getvar("REQUEST_METHOD")) .. ',"path":' .. quoted(m.getvar("REQUEST_FILENAME"))
      .. ',"score":' .. (tonumber(m.getvar("tx.caudal_score")) or 0)
      .. ',"findings":[' .. table.concat(findings, ",") .. "]}\n"
  )
  io.stdout:flush()
  return nil
end
