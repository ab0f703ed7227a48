-- The key that signed the newest update in a neighbour's copy.
alter table copies add column signer blob;
