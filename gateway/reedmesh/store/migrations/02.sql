-- From schema 2 to 3: several ways out of the outbox.
alter table outbox add column way text not null default 'mqtt';
alter table outbox add column alert text not null default '';
alter table outbox add column priority integer not null default 3;
alter table outbox add column queued real not null default 0;
update outbox set alert = json_extract(message, '$.id'), queued = json_extract(message, '$.at'),
  priority = json_extract(message, '$.priority');
