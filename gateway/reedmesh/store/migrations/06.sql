-- From schema 6 to 7: sums of features beside weights.
alter table knowledge add column sums blob;
alter table copies add column sums blob;
