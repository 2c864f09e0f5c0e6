-- What benches/forwarder/run reads of wrk: requests, microseconds, requests that went wrong, latency: the median, and what 99 in 100 stay within.
function done(summary, latency)
   local errors = summary.errors
   local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, wrong,
      latency:percentile(50), latency:percentile(99)))
end
