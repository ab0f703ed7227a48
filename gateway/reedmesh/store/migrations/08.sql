-- The receipts of a model's training, ours first, one a line; and what it can be learnt from again.
alter table models add column receipt blob;
alter table models add column material blob;
