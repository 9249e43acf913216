//! What the requests about quotas of clients share. Source: KIP-546, KIP-599, KIP-612; `QuotaConfig`, `ClientQuotaControlManager`.

use core::net::IpAddr;

use millpond_core::catalog::quotas::{Part, QuotaEntity};

use crate::config::key::Kind;
use crate::protocol::error_code::ErrorCode;

use super::catalog::Refusal;

/// A quota: its name, and what kind of number it is.
type Quota = (&'static str, Kind);

/// Quotas of users and of clients.
const OF_CLIENTS: &[Quota] = &[
    ("producer_byte_rate", Kind::Long),
    ("consumer_byte_rate", Kind::Long),
    ("request_percentage", Kind::Double),
    ("controller_mutation_rate", Kind::Double),
];
/// Quotas of addresses.
const OF_ADDRESSES: &[Quota] = &[("connection_creation_rate", Kind::Int)];
/// How far a number may be from a whole one and still be taken for it.
const WHOLE_WITHIN: f64 = 1e-6;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::INVALID_REQUEST, message)
}

/// The quotas that an entity can have.
pub(super) fn quotas_of(entity: &QuotaEntity<&str>) -> Result<&'static [Quota], Refusal> {
    let is_of_client = entity.user.is_present() || entity.client_id.is_present();
    match (is_of_client, entity.ip) {
        (true, Part::Absent) => Ok(OF_CLIENTS),
        (false, Part::Absent) => Err(invalid("an entity without parts has no quotas")),
        (true, _) => Err(invalid("an entity is an ip, or it is a user, a client-id, or both")),
        (false, Part::Default) => Ok(OF_ADDRESSES),
        (false, Part::Named(ip)) if ip.parse::<IpAddr>().is_ok() => Ok(OF_ADDRESSES),
        (false, Part::Named(ip)) => Err(invalid(format!("{ip} is no IP address"))),
    }
}

/// Checks one limit.
#[expect(clippy::cast_precision_loss, reason = "the largest numbers are compared as Kafka compares them: as fractions")]
pub(super) fn check(quotas: &[Quota], name: &str, value: f64) -> Result<(), Refusal> {
    let Some((_, kind)) = quotas.iter().find(|(known, _)| *known == name) else {
        return Err(invalid(format!("no quota of such an entity is called {name}")));
    };
    if value.is_nan() || value <= 0.0 {
        return Err(invalid(format!("the quota {name} must be greater than 0")));
    }
    let max = match kind {
        Kind::Int => f64::from(i32::MAX),
        Kind::Long => i64::MAX as f64,
        _ => return Ok(()),
    };
    if value > max {
        return Err(invalid(format!("the quota {name} must not be greater than {max}")));
    }
    if (value % 1.0).abs() > WHOLE_WITHIN {
        return Err(invalid(format!("the quota {name} must be a whole number")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_an_address_or_a_client() {
        let entity = |parts: &[(&'static str, Option<&'static str>)]| {
            let mut entity = QuotaEntity::default();
            assert!(parts.iter().all(|(of, name)| entity.set(of, *name)));
            quotas_of(&entity).map(<[Quota]>::len).map_err(|refusal| refusal.code)
        };
        assert_eq!(entity(&[("user", Some("u")), ("client-id", None)]), Ok(4));
        assert_eq!(entity(&[("ip", None)]), Ok(1));
        assert_eq!(entity(&[("ip", Some("::1"))]), Ok(1));
        for wrong in [&[][..], &[("ip", Some("nowhere"))], &[("ip", None), ("user", None)]] {
            assert_eq!(entity(wrong), Err(ErrorCode::INVALID_REQUEST), "{wrong:?}");
        }
    }

    #[test]
    fn limits_are_positive_and_whole_where_they_count_something() {
        let right = |name, value| check(OF_CLIENTS, name, value).is_ok();
        assert!(right("producer_byte_rate", 1024.0) && right("request_percentage", 50.5));
        for (name, value) in [
            ("producer_byte_rate", 0.0),
            ("producer_byte_rate", -1.0),
            ("producer_byte_rate", 0.5),
            ("producer_byte_rate", 1e30),
            ("request_percentage", f64::NAN),
            ("nosuch_rate", 1.0),
            ("connection_creation_rate", 1.0),
        ] {
            assert!(!right(name, value), "{name}={value}");
        }
        assert!(check(OF_ADDRESSES, "connection_creation_rate", 3e9).is_err());
    }
}
