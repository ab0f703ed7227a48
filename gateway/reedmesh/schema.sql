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
create index if not exists windows_of_sensor on windows (sensor, id);

create table if not exists models (
  sensor    text not null,
  sequence  integer not null,         -- grows with every model offered to the sensor
  made      real not null,
  tflite    blob not null,            -- int8 model with its scaling and threshold
  weights   blob not null,            -- float32, as trained
  trial     blob not null,            -- int8 features whose score proves that the sensor runs it right
  trial_score integer not null,
  primary key (sensor, sequence)
);

create table if not exists alerts (
  id         text primary key,
  sensor     text not null,
  state      text not null,
  since      real not null,
  until      real,
  score      real not null,           -- mean squared deviation of the window that raised it
  threshold  real not null,
  top_score  real not null
);

create table if not exists sequences ( -- the newest update of each gateway, ours among them: none is taken twice
  gateway   text not null,
  family    text not null,
  sequence  integer not null,
  payload   blob,                     -- of ours, for neighbours who ask again; of theirs, to be merged after a restart
  primary key (gateway, family)
) without rowid;

create table if not exists outbox (   -- changes of alerts, stored here before they are published
  id       integer primary key,
  message  text not null              -- JSON
);
