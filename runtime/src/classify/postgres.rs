//! PostgreSQL: every SQLSTATE of `src/backend/utils/errcodes.txt`, versions 15 to 18
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
//!
//! Where one code stands for several faults, the message decides. The messages are matched in
//! English. With another `lc_messages`, such a code gets the answer for an unknown message, which
//! is never retried, except for 40001.

use super::class::{
    Class, ErrorKind::*, UNKNOWN, application, cancelled, data, integrity, internal, maybe_applied,
    no_effect, outcome_unknown, permission, programming, query, resource,
};

/// Classifies an error of a PostgreSQL server by its SQLSTATE and, for the few codes that mean
/// several things, by its primary message.
///
/// A code that is not in PostgreSQL's table gets the category of its class (its first two
/// characters), and is never retried.
///
/// ```
/// use dbop::{classify, Category, ErrorKind, Retry};
///
/// let class = classify::postgres("40P01", "deadlock detected");
/// assert_eq!(class.category, Category::Transient);
/// assert_eq!(class.kind, ErrorKind::Deadlock);
/// assert_eq!(class.retry, Retry::Always);
///
/// // One code, two meanings.
/// let slow = classify::postgres("57014", "canceling statement due to statement timeout");
/// let stop = classify::postgres("57014", "canceling statement due to user request");
/// assert_eq!((slow.kind, slow.retry), (ErrorKind::Timeout, Retry::Always));
/// assert_eq!((stop.kind, stop.retry), (ErrorKind::QueryCanceled, Retry::Never));
/// ```
#[must_use]
pub fn postgres(sqlstate: &str, message: &str) -> Class {
    lookup(sqlstate, message).unwrap_or_else(|| of_class(sqlstate))
}

/// Returns the deliberate answer for a code. `None` if the code is not in the table.
#[rustfmt::skip] // a table: one line a code
pub(super) fn lookup(sqlstate: &str, message: &str) -> Option<Class> {
    Some(match sqlstate {
        // Class 00, 01: success and warnings. The server sends them as notices, never as errors.
        "00000" => UNKNOWN, // successful_completion
        "01000" => UNKNOWN, // warning
        "0100C" => UNKNOWN, // dynamic_result_sets_returned
        "01008" => UNKNOWN, // implicit_zero_bit_padding
        "01003" => UNKNOWN, // null_value_eliminated_in_set_function
        "01007" => UNKNOWN, // privilege_not_granted
        "01006" => UNKNOWN, // privilege_not_revoked
        "01004" => UNKNOWN, // string_data_right_truncation
        "01P01" => UNKNOWN, // deprecated_feature

        // Class 02: no data.
        "02000" => query(NoRows), // no_data
        "02001" => query(NoRows), // no_additional_dynamic_result_sets_returned

        // Class 03: SQL statement not yet complete.
        "03000" => programming(ObjectState), // sql_statement_not_yet_complete

        // Class 08: connection exception.
        "08000" => maybe_applied(Connection), // connection_exception
        "08003" => maybe_applied(Connection), // connection_does_not_exist
        "08006" => maybe_applied(Connection), // connection_failure
        "08001" => no_effect(Connection),     // sqlclient_unable_to_establish_sqlconnection
        "08004" => no_effect(Connection),     // sqlserver_rejected_establishment_of_sqlconnection
        "08007" => outcome_unknown(),         // transaction_resolution_unknown
        "08P01" => protocol_violation(message), // protocol_violation

        // Class 09: triggered action exception.
        "09000" => programming(Other), // triggered_action_exception

        // Class 0A: feature not supported.
        "0A000" => feature_not_supported(message), // feature_not_supported

        // Class 0B: invalid transaction initiation.
        "0B000" => programming(TransactionState), // invalid_transaction_initiation

        // Class 0F: locator exception.
        "0F000" => programming(InvalidArgument), // locator_exception
        "0F001" => programming(InvalidArgument), // invalid_locator_specification

        // Class 0L, 0P: grantor and role.
        "0L000" => permission(Privilege), // invalid_grantor
        "0LP01" => permission(Privilege), // invalid_grant_operation
        "0P000" => permission(Privilege), // invalid_role_specification

        // Class 0Z: diagnostics exception.
        "0Z000" => programming(Other), // diagnostics_exception
        "0Z002" => programming(Other), // stacked_diagnostics_accessed_without_active_handler

        // Class 10: XQuery error.
        "10608" => data(InvalidArgument), // invalid_argument_for_xquery, since 18

        // Class 20: case not found.
        "20000" => data(InvalidArgument), // case_not_found

        // Class 21: cardinality violation.
        "21000" => query(MultipleRows), // cardinality_violation

        // Class 22: data exception.
        "22000" => data(Other),              // data_exception
        "2202E" => data(OutOfRange),         // array_subscript_error
        "22021" => data(InvalidText),        // character_not_in_repertoire
        "22008" => data(InvalidDatetime),    // datetime_field_overflow
        "22012" => data(DivisionByZero),     // division_by_zero
        "22005" => data(TypeMismatch),       // error_in_assignment
        "2200B" => data(InvalidArgument),    // escape_character_conflict
        "22022" => data(OutOfRange),         // indicator_overflow
        "22015" => data(InvalidDatetime),    // interval_field_overflow
        "2201E" => data(InvalidArgument),    // invalid_argument_for_logarithm
        "22014" => data(InvalidArgument),    // invalid_argument_for_ntile_function
        "22016" => data(InvalidArgument),    // invalid_argument_for_nth_value_function
        "2201F" => data(InvalidArgument),    // invalid_argument_for_power_function
        "2201G" => data(InvalidArgument),    // invalid_argument_for_width_bucket_function
        "22018" => data(InvalidText),        // invalid_character_value_for_cast
        "22007" => data(InvalidDatetime),    // invalid_datetime_format
        "22019" => data(InvalidArgument),    // invalid_escape_character
        "2200D" => data(InvalidArgument),    // invalid_escape_octet
        "22025" => data(InvalidArgument),    // invalid_escape_sequence
        "22P06" => data(InvalidText),        // nonstandard_use_of_escape_character
        "22010" => data(InvalidArgument),    // invalid_indicator_parameter_value
        "22023" => data(InvalidArgument),    // invalid_parameter_value
        "22013" => data(InvalidArgument),    // invalid_preceding_or_following_size
        "2201B" => data(InvalidArgument),    // invalid_regular_expression
        "2201W" => data(InvalidArgument),    // invalid_row_count_in_limit_clause
        "2201X" => data(InvalidArgument),    // invalid_row_count_in_result_offset_clause
        "2202H" => data(InvalidArgument),    // invalid_tablesample_argument
        "2202G" => data(InvalidArgument),    // invalid_tablesample_repeat
        "22009" => data(InvalidDatetime),    // invalid_time_zone_displacement_value
        "2200C" => data(InvalidArgument),    // invalid_use_of_escape_character
        "2200G" => data(TypeMismatch),       // most_specific_type_mismatch
        "22004" => data(InvalidArgument),    // null_value_not_allowed
        "22002" => data(InvalidArgument),    // null_value_no_indicator_parameter
        "22003" => data(OutOfRange),         // numeric_value_out_of_range
        "2200H" => resource(LimitExceeded),  // sequence_generator_limit_exceeded
        "22026" => data(TooLong),            // string_data_length_mismatch
        "22001" => data(TooLong),            // string_data_right_truncation
        "22011" => data(InvalidArgument),    // substring_error
        "22027" => data(InvalidArgument),    // trim_error
        "22024" => data(InvalidText),        // unterminated_c_string
        "2200F" => data(InvalidText),        // zero_length_character_string
        "22P01" => data(OutOfRange),         // floating_point_exception
        "22P02" => invalid_text(message),    // invalid_text_representation
        "22P03" => data(Encode),             // invalid_binary_representation
        "22P04" => data(InvalidText),        // bad_copy_file_format
        "22P05" => data(InvalidText),        // untranslatable_character
        "2200L" => data(InvalidText),        // not_an_xml_document
        "2200M" => data(InvalidText),        // invalid_xml_document
        "2200N" => data(InvalidText),        // invalid_xml_content
        "2200S" => data(InvalidText),        // invalid_xml_comment
        "2200T" => data(InvalidText),        // invalid_xml_processing_instruction
        "22030" => data(InvalidJson),        // duplicate_json_object_key_value
        "22031" => data(InvalidJson),        // invalid_argument_for_sql_json_datetime_function
        "22032" => data(InvalidJson),        // invalid_json_text
        "22033" => data(InvalidJson),        // invalid_sql_json_subscript
        "22034" => data(InvalidJson),        // more_than_one_sql_json_item
        "22035" => data(InvalidJson),        // no_sql_json_item
        "22036" => data(InvalidJson),        // non_numeric_sql_json_item
        "22037" => data(InvalidJson),        // non_unique_keys_in_a_json_object
        "22038" => data(InvalidJson),        // singleton_sql_json_item_required
        "22039" => data(InvalidJson),        // sql_json_array_not_found
        "2203A" => data(InvalidJson),        // sql_json_member_not_found
        "2203B" => data(InvalidJson),        // sql_json_number_not_found
        "2203C" => data(InvalidJson),        // sql_json_object_not_found
        "2203D" => data(InvalidJson),        // too_many_json_array_elements
        "2203E" => data(InvalidJson),        // too_many_json_object_members
        "2203F" => data(InvalidJson),        // sql_json_scalar_required
        "2203G" => data(InvalidJson),        // sql_json_item_cannot_be_cast_to_target_type

        // Class 23: integrity constraint violation. A unique violation may be caused by a race, but
        // it may as well be permanent (13.5, Serialization Failure Handling), so it is not
        // replayed.
        "23000" => integrity(Constraint), // integrity_constraint_violation
        "23001" => integrity(ForeignKey), // restrict_violation
        "23502" => integrity(NotNull),    // not_null_violation
        "23503" => integrity(ForeignKey), // foreign_key_violation
        "23505" => integrity(Unique),     // unique_violation
        "23514" => integrity(Check),      // check_violation
        "23P01" => integrity(Exclusion),  // exclusion_violation

        // Class 24: invalid cursor state.
        "24000" => programming(ObjectState), // invalid_cursor_state

        // Class 25: invalid transaction state. 25P03 and 25P04 end the session. The server checks
        // for 25P03 before it runs a statement it has just read, so the last statement was not run.
        // It is not tried again, because a body that keeps its transaction waiting would do so
        // again. 25P04 may be noticed when it is too late to stop a COMMIT, and is then reported
        // after the COMMIT (`CommitTransaction` and `ProcessInterrupts` in the server's source).
        "25000" => programming(TransactionState),   // invalid_transaction_state
        "25001" => programming(TransactionState),   // active_sql_transaction
        "25002" => programming(TransactionState),   // branch_transaction_already_active
        "25008" => programming(TransactionState),   // held_cursor_requires_same_isolation_level
        "25003" => programming(TransactionState),   // inappropriate_access_mode_for_branch_transaction
        "25004" => programming(Isolation),          // inappropriate_isolation_level_for_branch_transaction
        "25005" => programming(TransactionState),   // no_active_sql_transaction_for_branch_transaction
        "25006" => programming(ReadOnly),           // read_only_sql_transaction
        "25007" => programming(TransactionState),   // schema_and_data_statement_mixing_not_supported
        "25P01" => programming(TransactionState),   // no_active_sql_transaction
        "25P02" => programming(TransactionAborted), // in_failed_sql_transaction
        "25P03" => programming(SessionTimeout),     // idle_in_transaction_session_timeout
        "25P04" => maybe_applied(SessionTimeout),   // transaction_timeout, since 17

        // Class 26: invalid SQL statement name. If a pooler gives the client another server session
        // between two statements, the prepared statements are lost.
        "26000" => programming(UndefinedObject), // invalid_sql_statement_name

        // Class 27: triggered data change violation.
        "27000" => programming(Other), // triggered_data_change_violation

        // Class 28: invalid authorization specification.
        "28000" => permission(Authentication), // invalid_authorization_specification
        "28P01" => permission(Authentication), // invalid_password

        // Class 2B: dependent objects still exist.
        "2B000" => programming(ObjectState), // dependent_privilege_descriptors_still_exist
        "2BP01" => programming(ObjectState), // dependent_objects_still_exist

        // Class 2D: invalid transaction termination.
        "2D000" => programming(TransactionState), // invalid_transaction_termination

        // Class 2F: SQL routine exception.
        "2F000" => programming(Other),       // sql_routine_exception
        "2F005" => programming(Other),       // function_executed_no_return_statement
        "2F002" => programming(Unsupported), // modifying_sql_data_not_permitted
        "2F003" => programming(Unsupported), // prohibited_sql_statement_attempted
        "2F004" => programming(Unsupported), // reading_sql_data_not_permitted

        // Class 34: invalid cursor name.
        "34000" => programming(UndefinedObject), // invalid_cursor_name

        // Class 38: external routine exception. PL/Python and PL/Perl report an error that a
        // routine raises as 38000.
        "38000" => application(Raised),      // external_routine_exception
        "38001" => programming(Unsupported), // containing_sql_not_permitted
        "38002" => programming(Unsupported), // modifying_sql_data_not_permitted
        "38003" => programming(Unsupported), // prohibited_sql_statement_attempted
        "38004" => programming(Unsupported), // reading_sql_data_not_permitted

        // Class 39: external routine invocation exception.
        "39000" => programming(Other),           // external_routine_invocation_exception
        "39001" => programming(InvalidArgument), // invalid_sqlstate_returned
        "39004" => programming(InvalidArgument), // null_value_not_allowed
        "39P01" => programming(Other),           // trigger_protocol_violated
        "39P02" => programming(Other),           // srf_protocol_violated
        "39P03" => programming(Other),           // event_trigger_protocol_violated

        // Class 3B: savepoint exception.
        "3B000" => programming(TransactionState), // savepoint_exception
        "3B001" => programming(TransactionState), // invalid_savepoint_specification

        // Class 3D, 3F: invalid catalog and schema name.
        "3D000" => programming(UndefinedObject), // invalid_catalog_name
        "3F000" => programming(UndefinedObject), // invalid_schema_name

        // Class 40: transaction rollback. Section 13.5 says that 40001 should be retried always,
        // and 40P01 in general. 40003 means that the outcome is not known, and 40002 that a
        // constraint was violated.
        "40000" => no_effect(Serialization),       // transaction_rollback
        "40002" => integrity(Constraint),          // transaction_integrity_constraint_violation
        "40001" => serialization_failure(message), // serialization_failure
        "40003" => outcome_unknown(),              // statement_completion_unknown
        "40P01" => no_effect(Deadlock),            // deadlock_detected

        // Class 42: syntax error or access rule violation.
        "42000" => programming(Syntax),            // syntax_error_or_access_rule_violation
        "42601" => programming(Syntax),            // syntax_error
        "42501" => permission(Privilege),          // insufficient_privilege
        "42846" => programming(TypeMismatch),      // cannot_coerce
        "42803" => programming(Syntax),            // grouping_error
        "42P20" => programming(Syntax),            // windowing_error
        "42P19" => programming(Syntax),            // invalid_recursion
        "42830" => programming(InvalidDefinition), // invalid_foreign_key
        "42602" => programming(Syntax),            // invalid_name
        "42622" => programming(Syntax),            // name_too_long
        "42939" => programming(InvalidDefinition), // reserved_name
        "42804" => programming(TypeMismatch),      // datatype_mismatch
        "42P18" => programming(TypeMismatch),      // indeterminate_datatype
        "42P21" => programming(TypeMismatch),      // collation_mismatch
        "42P22" => programming(TypeMismatch),      // indeterminate_collation
        "42809" => programming(Unsupported),       // wrong_object_type
        "428C9" => programming(Unsupported),       // generated_always
        "42703" => programming(UndefinedColumn),   // undefined_column
        "42883" => programming(UndefinedFunction), // undefined_function
        "42P01" => programming(UndefinedTable),    // undefined_table
        "42P02" => programming(UndefinedObject),   // undefined_parameter
        "42704" => programming(UndefinedObject),   // undefined_object
        "42701" => programming(DuplicateObject),   // duplicate_column
        "42P03" => programming(DuplicateObject),   // duplicate_cursor
        "42P04" => programming(DuplicateObject),   // duplicate_database
        "42723" => programming(DuplicateObject),   // duplicate_function
        "42P05" => programming(DuplicateObject),   // duplicate_prepared_statement
        "42P06" => programming(DuplicateObject),   // duplicate_schema
        "42P07" => programming(DuplicateObject),   // duplicate_table
        "42712" => programming(DuplicateObject),   // duplicate_alias
        "42710" => programming(DuplicateObject),   // duplicate_object
        "42702" => programming(AmbiguousName),     // ambiguous_column
        "42725" => programming(AmbiguousName),     // ambiguous_function
        "42P08" => programming(AmbiguousName),     // ambiguous_parameter
        "42P09" => programming(AmbiguousName),     // ambiguous_alias
        "42P10" => programming(Syntax),            // invalid_column_reference
        "42611" => programming(InvalidDefinition), // invalid_column_definition
        "42P11" => programming(InvalidDefinition), // invalid_cursor_definition
        "42P12" => programming(InvalidDefinition), // invalid_database_definition
        "42P13" => programming(InvalidDefinition), // invalid_function_definition
        "42P14" => programming(InvalidDefinition), // invalid_prepared_statement_definition
        "42P15" => programming(InvalidDefinition), // invalid_schema_definition
        "42P16" => programming(InvalidDefinition), // invalid_table_definition
        "42P17" => programming(InvalidDefinition), // invalid_object_definition

        // Class 44: WITH CHECK OPTION violation.
        "44000" => integrity(Check), // with_check_option_violation

        // Class 53: insufficient resources. Only 53300 says that no statement has begun.
        "53000" => resource(LimitExceeded),       // insufficient_resources
        "53100" => resource(DiskFull),            // disk_full
        "53200" => resource(OutOfMemory),         // out_of_memory
        "53300" => no_effect(TooManyConnections), // too_many_connections
        "53400" => resource(LimitExceeded),       // configuration_limit_exceeded

        // Class 54: program limit exceeded.
        "54000" => resource(LimitExceeded), // program_limit_exceeded
        "54001" => resource(LimitExceeded), // statement_too_complex
        "54011" => resource(LimitExceeded), // too_many_columns
        "54023" => resource(LimitExceeded), // too_many_arguments

        // Class 55: object not in prerequisite state. 55P03 comes from NOWAIT and `lock_timeout`.
        "55000" => programming(ObjectState),      // object_not_in_prerequisite_state
        "55006" => programming(ObjectState),      // object_in_use
        "55P02" => programming(Configuration),    // cant_change_runtime_param
        "55P03" => no_effect(Lock),               // lock_not_available
        "55P04" => programming(TransactionState), // unsafe_new_enum_value_usage

        // Class 57: operator intervention. 57P01 and 57P02 can end a session while a statement or a
        // COMMIT runs. 57P03 refuses a new session. 57P05 ends a session that was idle outside a
        // transaction, before the server runs a statement it has just read.
        "57000" => cancelled(Interrupted),        // operator_intervention
        "57014" => query_canceled(message),       // query_canceled
        "57P01" => maybe_applied(ShuttingDown),   // admin_shutdown
        "57P02" => maybe_applied(ShuttingDown),   // crash_shutdown
        "57P03" => no_effect(StartingUp),         // cannot_connect_now
        "57P04" => programming(UndefinedObject),  // database_dropped
        "57P05" => no_effect(SessionTimeout),     // idle_session_timeout

        // Class 58: system error, external to PostgreSQL itself.
        "58000" => internal(Io), // system_error
        "58030" => internal(Io), // io_error
        "58P01" => internal(Io), // undefined_file
        "58P02" => internal(Io), // duplicate_file
        "58P03" => internal(Io), // file_name_too_long, since 18

        // Class 72: snapshot failure. It occurs only with `old_snapshot_threshold`, which version
        // 17 has removed. A call that took longer than this threshold once will do so again.
        "72000" => resource(LimitExceeded), // snapshot_too_old, until 16

        // Class F0: configuration file error.
        "F0000" => internal(Configuration), // config_file_error
        "F0001" => internal(Configuration), // lock_file_exists

        // Class HV: foreign data wrapper error. What the foreign server did is not known.
        "HV000" => internal(ForeignServer),        // fdw_error
        "HV005" => programming(UndefinedColumn),   // fdw_column_name_not_found
        "HV002" => internal(ForeignServer),        // fdw_dynamic_parameter_value_needed
        "HV010" => internal(ForeignServer),        // fdw_function_sequence_error
        "HV021" => internal(ForeignServer),        // fdw_inconsistent_descriptor_information
        "HV024" => programming(Configuration),     // fdw_invalid_attribute_value
        "HV007" => programming(UndefinedColumn),   // fdw_invalid_column_name
        "HV008" => programming(UndefinedColumn),   // fdw_invalid_column_number
        "HV004" => programming(TypeMismatch),      // fdw_invalid_data_type
        "HV006" => internal(ForeignServer),        // fdw_invalid_data_type_descriptors
        "HV091" => internal(ForeignServer),        // fdw_invalid_descriptor_field_identifier
        "HV00B" => internal(ForeignServer),        // fdw_invalid_handle
        "HV00C" => programming(Configuration),     // fdw_invalid_option_index
        "HV00D" => programming(Configuration),     // fdw_invalid_option_name
        "HV090" => internal(ForeignServer),        // fdw_invalid_string_length_or_buffer_length
        "HV00A" => internal(ForeignServer),        // fdw_invalid_string_format
        "HV009" => internal(ForeignServer),        // fdw_invalid_use_of_null_pointer
        "HV014" => resource(LimitExceeded),        // fdw_too_many_handles
        "HV001" => resource(OutOfMemory),          // fdw_out_of_memory
        "HV00P" => programming(UndefinedObject),   // fdw_no_schemas
        "HV00J" => programming(Configuration),     // fdw_option_name_not_found
        "HV00K" => internal(ForeignServer),        // fdw_reply_handle
        "HV00Q" => programming(UndefinedObject),   // fdw_schema_not_found
        "HV00R" => programming(UndefinedTable),    // fdw_table_not_found
        "HV00L" => internal(ForeignServer),        // fdw_unable_to_create_execution
        "HV00M" => internal(ForeignServer),        // fdw_unable_to_create_reply
        "HV00N" => internal(ForeignServer),        // fdw_unable_to_establish_connection

        // Class P0: PL/pgSQL error.
        "P0000" => programming(Other),   // plpgsql_error
        "P0001" => application(Raised),  // raise_exception
        "P0002" => query(NoRows),        // no_data_found
        "P0003" => query(MultipleRows),  // too_many_rows
        "P0004" => programming(Raised),  // assert_failure

        // Class XX: internal error. Concurrent DDL is reported here as well ("cache lookup failed",
        // "tuple concurrently updated"), but no document promises that a replay would help.
        "XX000" => internal(Other),   // internal_error
        "XX001" => internal(Corrupt), // data_corrupted
        "XX002" => internal(Corrupt), // index_corrupted

        _ => return None,
    })
}

/// The messages that PgBouncer reports under the code of a malformed message; the first match
/// decides (<https://www.pgbouncer.org/config.html>, and `disconnect_client` and
/// `disconnect_server` in its source). For a client that waits for a server, or that is idle,
/// PgBouncer has passed on nothing.
#[rustfmt::skip] // a table: one line a message
const PGBOUNCER: &[(&str, Class)] = &[
    ("query_wait_timeout",          no_effect(Connection)),
    ("server_login_retry",          no_effect(Connection)),
    ("no more connections allowed", no_effect(TooManyConnections)),
    ("client connections exceeded", no_effect(TooManyConnections)),
    ("server conn crashed",         maybe_applied(Connection)),
    ("server shutting down",        maybe_applied(ShuttingDown)),
    ("query timeout",               maybe_applied(Timeout)),
    ("query_timeout",               maybe_applied(Timeout)),
    ("client_idle_timeout",         no_effect(SessionTimeout)),     // as 57P05
    ("idle transaction timeout",    programming(SessionTimeout)),   // as 25P03
    ("transaction timeout",         maybe_applied(SessionTimeout)), // as 25P04
];

/// Classifies code 08P01. From PostgreSQL itself it means a malformed message, which is a fault of
/// the driver. PgBouncer uses the same code for problems of its own.
fn protocol_violation(message: &str) -> Class {
    PGBOUNCER
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(internal(Protocol), |(_, class)| *class)
}

/// Classifies code 0A000. The server also uses it for a prepared statement whose result columns
/// have changed. It refuses that statement before it runs, and the statement is prepared anew the
/// next time.
fn feature_not_supported(message: &str) -> Class {
    if message.contains("cached plan must not change result type") {
        no_effect(StalePlan)
    } else {
        programming(Unsupported)
    }
}

/// Classifies code 22P02, which the types `json` and `jsonb` share with all other types.
fn invalid_text(message: &str) -> Class {
    if message.contains("syntax for type json") {
        data(InvalidJson)
    } else {
        data(InvalidText)
    }
}

/// Classifies code 40001. A standby that has to remove a row version cancels the statement that
/// needs it, or ends a session that is idle in a transaction (26.4.2, Handling Query Conflicts). In
/// both cases nothing was written, because a standby cannot write.
fn serialization_failure(message: &str) -> Class {
    if message.contains("terminating connection due to conflict with recovery") {
        no_effect(Connection)
    } else {
        no_effect(Serialization)
    }
}

/// Classifies code 57014. All ways to cancel a statement have this code, and roll the statement
/// back (20.11, Client Connection Defaults). If a user asked for the cancel, the statement is not
/// run again.
fn query_canceled(message: &str) -> Class {
    let says = |words| message.contains(words);
    if says("statement timeout") {
        no_effect(Timeout)
    } else if says("lock timeout") {
        no_effect(Lock)
    } else if says("conflict with recovery") {
        no_effect(Serialization)
    } else {
        cancelled(QueryCanceled)
    }
}

/// Classifies a code that is not in the table. A class that is transient otherwise is `Internal`
/// here, because an unknown code is never replayed.
fn of_class(sqlstate: &str) -> Class {
    match sqlstate.get(..2) {
        Some("02") => query(NoRows),
        Some("08") => internal(Connection),
        Some("0A") => programming(Unsupported),
        Some("0L" | "0P") => permission(Privilege),
        Some("10" | "20" | "22") => data(Other),
        Some("21") => query(MultipleRows),
        Some("23") => integrity(Constraint),
        Some("0B" | "25" | "2D" | "3B") => programming(TransactionState),
        Some("28") => permission(Authentication),
        Some("26" | "34" | "3D" | "3F") => programming(UndefinedObject),
        Some("44") => integrity(Check),
        Some("53" | "54" | "72") => resource(LimitExceeded),
        Some("24" | "2B" | "55") => programming(ObjectState),
        Some("57") => cancelled(Interrupted),
        Some("58") => internal(Io),
        Some("F0") => internal(Configuration),
        Some("HV") => internal(ForeignServer),
        Some("03" | "09" | "0F" | "0Z" | "27" | "2F" | "38" | "39" | "42" | "P0") => {
            programming(Other)
        }
        // 00, 01, 40, XX, and classes that PostgreSQL does not define.
        _ => UNKNOWN,
    }
}
