-- From schema 3 to 4: passports of models.
alter table models add column passport blob;
