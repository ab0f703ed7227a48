-- From schema 1 to 2: kinds of alerts, verdicts, shelves and floods.
alter table alerts add column kind text not null default 'anomaly';
alter table alerts add column by text not null default '';
alter table alerts add column verdict text not null default '';
alter table alerts add column shelved_until real;
alter table alerts add column flood text not null default '';
