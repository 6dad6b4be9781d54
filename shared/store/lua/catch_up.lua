-- A piece of what scripts left behind: followers that are not yet as their leader is.
-- Returns 1 while more is left: ask again
return catch_up() and 1 or 0
