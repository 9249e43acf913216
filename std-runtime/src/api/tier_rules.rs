//! What the settings of a topic that is tiered must obey, beside what each must by itself. Source: `LogConfig.validateTopicLogConfigValues`,
//! KIP-405, KIP-950.

use std::collections::BTreeMap;

use crate::protocol::error_code::ErrorCode;
use crate::worker::turn::Turn;

use super::catalog::Refusal;
use super::describe_configs;

/// Checks the settings of a topic's own as they are to be, given those that it had: empty for a topic that is new.
pub(crate) fn check(turn: &Turn<'_>, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let is_tiered =
        |own: &BTreeMap<String, String>| own.get("remote.storage.enable").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !is_tiered(after) && !is_tiered(before) {
        return Ok(());
    }
    let described = describe_configs::of_topic(turn, &mut after.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let value = |name: &str| described.iter().find(|one| one.name == name).and_then(|one| one.value.as_deref()).unwrap_or_default().trim();
    let is_true = |name: &str| value(name).eq_ignore_ascii_case("true");
    let number = |name: &str| value(name).parse::<i64>().unwrap_or(-1);
    let refused = |message: String| Err(Refusal::new(ErrorCode::INVALID_CONFIG, message));
    if !is_tiered(after) {
        if is_true("remote.log.delete.on.disable") {
            return Ok(());
        }
        return refused(
            "It is invalid to disable remote storage without deleting remote data. If you want to keep the remote data and turn to read only, \
             please set `remote.storage.enable=true,remote.log.copy.disable=true`. If you want to disable remote storage and delete all remote \
             data, please set `remote.storage.enable=false,remote.log.delete.on.disable=true`."
                .to_owned(),
        );
    }
    if turn.around.cold.is_none() {
        return refused(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.".to_owned(),
        );
    }
    if value("cleanup.policy") != "delete" {
        return refused(
            "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy being an empty list.".to_owned(),
        );
    }
    for (total, local) in [("retention.bytes", "local.retention.bytes"), ("retention.ms", "local.retention.ms")] {
        let (total_value, local_value) = (number(total), number(local));
        if is_true("remote.log.copy.disable") && local_value != -2 && local_value != total_value {
            return refused(format!(
                "When `remote.log.copy.disable` is set to true, the `{local}` and `{total}` must be set to the identical value because there \
                 will be no more logs copied to the remote storage."
            ));
        }
        if total_value < 0 || local_value == -2 {
            continue;
        }
        if local_value == -1 {
            let why = format!("Value must not be -1 as {total} value is set as {total_value}.");
            return refused(format!("Invalid value {local_value} for configuration {local}: {why}"));
        }
        if local_value > total_value {
            let why = format!("Value must not be more than {total} property value: {total_value}");
            return refused(format!("Invalid value {local_value} for configuration {local}: {why}"));
        }
    }
    Ok(())
}
