delete from meta where key = 'schema_usable_from';
