-- The number of the last transaction that did what other processes had handed over: after the death
-- of its process it tells whether that one was committed.
CREATE TABLE handovers(
  id INTEGER PRIMARY KEY CHECK(id = 0),
  number INTEGER NOT NULL
) STRICT;
