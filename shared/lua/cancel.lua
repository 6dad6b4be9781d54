-- The caller wants a job stopped. ARGV: id. Returns the status before and after: {before, after} | {'unknown'}
local before, after = cancel_job(ARGV[1])
if not before then return {'unknown'} end
return {before, after}
