-- From schema 4 to 5: one index less.
drop index if exists windows_of_sensor;
