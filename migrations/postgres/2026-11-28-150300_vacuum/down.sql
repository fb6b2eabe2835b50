alter table tokens reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
alter table users reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
alter table sessions reset (fillfactor, autovacuum_vacuum_scale_factor);
alter table login_networks reset (fillfactor, autovacuum_vacuum_scale_factor);
alter table audit_log reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
alter table meta reset (fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor);
