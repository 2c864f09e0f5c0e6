-- What benches/forwarder/run reads of wrk: requests, microseconds, requests that went wrong, median latency.
function done(summary, latency)
   local errors = summary.errors
   local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("figures %d %d %d %d\n", summary.requests, summary.duration, wrong, latency:percentile(50)))
end
