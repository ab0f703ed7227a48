-- The gateway's memory. Times are seconds since 1970.
create table if not exists sensors (
  name   text primary key,
  hello  text not null                -- JSON, as the sensor last said it
) without rowid;

create table if not exists windows (
  id        integer primary key,      -- in order of arrival; the lowest ids age out
  sensor    text not null,
  at        real not null,
  features  blob not null,            -- int8
  score     integer                   -- null while the machine is learnt
);
-- No index: each commit would touch a page of it for every sensor, and cards wear out by that. Reading is rare.

create table if not exists models (
  sensor    text not null,
  sequence  integer not null,         -- grows with every model offered to the sensor
  made      real not null,
  tflite    blob not null,            -- int8 model with its scaling and threshold
  weights   blob not null,            -- float32, as trained
  trial     blob not null,            -- int8 features whose score proves that the sensor runs it right
  trial_score integer not null,
  passport  blob,                     -- DSSE envelope; null of models from before there were passports
  receipt   blob,                     -- DSSE envelopes of the training, ours first, one a line; null where there is none
  material  blob,                     -- what it was learnt from, see learning/audit.py
  primary key (sensor, sequence)
);

create table if not exists relearning ( -- sensors learnt anew, from windows later than that
  sensor  text primary key,
  since   real not null
) without rowid;

create table if not exists alerts (
  id         text primary key,
  sensor     text not null,
  state      text not null,
  since      real not null,
  until      real,
  value      real not null,           -- when it was raised, in the unit of its kind; of an anomaly the score
  "limit"    real not null,           -- what the value must not exceed; of an anomaly the threshold
  worst      real not null,
  kind       text not null,           -- a file in alerts/conditions
  by         text not null,           -- who acknowledged it
  verdict    text not null,           -- or 'not a fault', 'fault'
  shelved_until real,
  flood      text not null,           -- id of the flood it came in
  cause      text not null default '', -- of a fault, in a person's words
  tags       text not null default '',
  lesson     text not null default '' -- of 'not a fault': waiting, in service, or why it failed
);
create index if not exists alerts_of_sensor on alerts (sensor, since);

create table if not exists journal (  -- every step of every alert: who did what when
  id       integer primary key,
  alert    text not null,
  at       real not null,
  what     text not null,
  by       text not null,
  text     text not null
);
create index if not exists journal_of_alert on journal (alert, id);

create table if not exists shelves (  -- sensors nobody is called for, until then
  sensor   text primary key,
  until    real not null
) without rowid;

create table if not exists sequences ( -- the newest update of each gateway, ours among them: none is taken twice
  gateway   text not null,
  family    text not null,
  sequence  integer not null,
  payload   blob,                     -- of ours, to be published again after a restart
  primary key (gateway, family)
) without rowid;

create table if not exists knowledge ( -- what this gateway learnt; changes with the update that tells it, never after
  family    text primary key,
  weights   blob not null,            -- float32, merged
  public    blob not null,            -- float32, what neighbours hold of it since update `sequence`
  sequence  integer not null,
  rounds    integer not null,
  windows   integer not null,
  quantile  real not null,
  -- float32, see delta.py; and the sums that were told, see replicas.py
  squares   blob not null,
  sums      blob
) without rowid;

create table if not exists copies (   -- the neighbours' public copies, which their deltas continue
  gateway   text not null,
  family    text not null,
  sequence  integer not null,         -- the newest update in it
  digest    text not null,            -- SHA-256 of that
  weights   blob not null,            -- float32
  windows   integer not null,
  quantile  real not null,
  -- as in knowledge
  squares   blob,
  sums      blob,
  signer    blob,                     -- the key that signed it; null of copies from before that was kept
  copied    text,                     -- the neighbour that told the same before, if any
  primary key (gateway, family)
) without rowid;

create table if not exists taken (    -- the newest update of each neighbour and each of its keys
  gateway   text not null,
  family    text not null,
  signer    blob not null,
  sequence  integer not null,
  primary key (gateway, family, signer)
) without rowid;

create table if not exists merges (   -- what came of the last rounds
  id    integer primary key,
  told  text not null                 -- JSON
);

create table if not exists mountings ( -- since when a sensor is mounted as it is: what was heard before is not learnt
  sensor  text primary key,
  since   real not null
) without rowid;

create table if not exists outbox (   -- changes of alerts, stored here before anybody is told
  id       integer primary key,
  message  text not null,             -- JSON
  way      text not null,             -- mqtt, or call: a notification
  alert    text not null,
  priority integer not null,          -- of the alert: 1 leaves first
  queued   real not null              -- when; moved along when the clock is set
);
create index if not exists outbox_of_alert on outbox (alert, priority);

create table if not exists calls (    -- of people, for alerts that stand or of whose end they are still to be told
  alert    text not null,
  contact  text not null,
  priority integer not null,          -- that it was called for
  at       real not null,             -- when the last call became due
  first    real not null,             -- when the first one did
  why      text not null,
  sent     integer not null,          -- 0: it is still to go out
  primary key (alert, contact)
) without rowid;

create table if not exists trends (   -- velocity of each hour, which outlives the hour's windows
  sensor   text not null,
  hour     real not null,             -- its begin
  mm_s     real not null,             -- median over windows, of the axis that vibrates most
  primary key (sensor, hour)
) without rowid;

create table if not exists faults (   -- windows of alerts that people confirmed to be faults
  id       integer primary key,
  alert    text not null,
  sensor   text not null,
  at       real not null,
  features blob not null
);

create table if not exists ledger (   -- see ledger.py; rows are added and never changed
  number    integer primary key,
  entry     blob not null,            -- JSON, the very bytes that were hashed
  hash      blob not null,
  signature blob not null
);

create table if not exists cells (    -- private sums, of each family
  family      text primary key,
  told_in     integer not null,       -- the round in which `told` was told
  told        blob not null,          -- a frame
  numbers     blob not null,          -- what it hides, int64
  answered_in integer not null,       -- the round in which the set `answered` was answered
  answered    integer not null,       -- a bit for each member
  number      integer not null,       -- the last round that came to a sum
  freedom     integer not null,
  scatter     blob,                   -- int64, the mean of the others; null before the first sum
  scores      blob                    -- pairs of int64
) without rowid;

create table if not exists credit (   -- points between us and each neighbour, in all, ever
  gateway   text primary key,
  owed      integer not null default 0,  -- by us
  due       integer not null default 0,  -- by it, as it states
  agreed    integer not null default 0,  -- by us, as it states
  paid      real,                     -- when we last gave it some, s since 1970
  frame     blob                      -- its last statement, signed
) without rowid;

create table if not exists lending (  -- processor time between us and each neighbour, in all, ever
  gateway   text primary key,
  borrowed  integer not null default 0,  -- ms of its processor that we owe it
  borrowed_jobs integer not null default 0,
  known     integer not null default 0,  -- of these ms it has receipts, as it says
  lent      integer not null default 0,  -- ms of our processor, by its receipts
  lent_jobs integer not null default 0,
  disagreed integer not null default 0,  -- results of it that were others
  out_until real not null default 0,     -- we borrow nothing from it until then
  out_reason text not null default '',
  frame     blob                         -- its last receipt, signed
) without rowid;

create table if not exists heads (    -- of neighbours' ledgers
  gateway   text not null,
  number    integer not null,
  hash      blob not null,
  at        real not null,
  frame     blob not null,            -- as it was heard, its signature checked; with its tail if it belies another
  live      integer not null,         -- 0: belied by a later one
  gap       integer not null,         -- entries since the one before that its tail does not vouch for
  primary key (gateway, number, hash)
) without rowid;

create table if not exists parts (    -- of sensors that judge parts; labelled ones stay, of the others the newest
  sensor    text not null,
  boot      integer not null,
  number    integer not null,         -- of its window
  at        real not null,
  part      text not null,            -- its own number, '' when nobody said one
  features  blob not null,            -- int8
  verdict   text not null,            -- OK, NOK, unsure; '' when it was not judged
  fault     text not null,            -- class of one that is not OK
  against   integer,                  -- what speaks against it, in eighths
  latency   integer not null,         -- us from its last reading to the pin
  label     text not null,            -- what somebody said it is, '' when nobody did
  labelled_by text not null,
  primary key (sensor, boot, number)
);
create index if not exists parts_by_time on parts (sensor, at);

create table if not exists part_counts (  -- judged parts of a quarter of an hour, also of those that are not kept
  sensor   text not null,
  quarter  integer not null,          -- since 1970
  verdict  text not null,
  fault    text not null,
  parts    integer not null,
  primary key (sensor, quarter, verdict, fault)
) without rowid;
