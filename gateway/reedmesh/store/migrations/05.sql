-- From schema 5 to 6: an alert carries its value, limit and worst value, whatever their unit.
alter table alerts rename column score to value;
alter table alerts rename column threshold to "limit";
alter table alerts rename column top_score to worst;
alter table alerts add column cause text not null default '';
alter table alerts add column tags text not null default '';
alter table alerts add column lesson text not null default '';
delete from outbox where way = 'call';
