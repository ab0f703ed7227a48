-- Points between gateways are a table of their own, made by schema.sql; who copied whom is kept with a copy.
alter table copies add column copied text;
