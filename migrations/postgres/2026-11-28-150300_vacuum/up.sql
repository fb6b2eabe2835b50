-- Rows that are updated in place need room on their page; and of large tables, a fifth is too long a wait for a vacuum.
alter table tokens set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table users set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table sessions set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
alter table login_networks set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
alter table audit_log set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
alter table meta set (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
