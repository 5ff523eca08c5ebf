-- What `wrk` sends and what it says at the end; its own report rounds.
--
-- Arguments: nothing, and every request is the one of the command line; or a file with one token a line and the number
-- of the line to begin with, and every request has the next token.

local requests, nextOne

function init(arguments)
  local file = arguments[1]
  if not file then return end
  requests, nextOne = {}, tonumber(arguments[2])
  for token in io.lines(file) do
    wrk.headers["authorization"] = "Bearer " .. token
    -- Made before the clock runs, so that sending them costs no more than sending the same one.
    requests[#requests + 1] = wrk.format()
  end
  request = function()
    nextOne = nextOne % #requests + 1
    return requests[nextOne]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "measured: requests=%d micros=%d p50=%d p99=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
