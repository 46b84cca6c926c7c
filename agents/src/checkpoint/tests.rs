//! Archives come back to the last bit, or not at all.

use super::*;
use promopt_envs::SeedTree;
use rand::RngCore;

fn sample() -> Archive {
    let mut archive = Archive::default();
    archive.put("a", &[1.5_f32, f32::NAN, -0.0]);
    archive.put("b", &[u64::MAX, 0]);
    archive.put("empty", &[] as &[f64]);
    archive.put("bytes", &[1_u8, 2, 3]);
    archive.put_json("settings", &serde_json::json!({"x": [1, 2], "y": {"z": 0.1}})).expect("JSON");
    archive
}

#[test]
fn what_was_put_comes_back() -> Result<(), AgentError> {
    let archive = Archive::from_bytes(&sample().to_bytes()?)?;
    assert_eq!(archive, sample());
    assert_eq!(archive.get::<f32>("a")?.map_bits(), [1.5_f32, f32::NAN, -0.0].map(f32::to_bits));
    assert_eq!(archive.get::<u64>("b")?, [u64::MAX, 0]);
    assert!(archive.get::<f64>("empty")?.is_empty());
    Ok(())
}

trait MapBits {
    fn map_bits(&self) -> Vec<u32>;
}

impl MapBits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|x| x.to_bits()).collect()
    }
}

#[test]
fn a_stream_goes_on_where_it_was() -> Result<(), AgentError> {
    let mut stream = SeedTree::new(3).stream();
    stream.next_u64();
    let mut archive = Archive::default();
    archive.put_stream("act", &stream)?;
    let mut again = Archive::from_bytes(&archive.to_bytes()?)?.get_stream("act")?;
    assert_eq!(again.next_u64(), stream.next_u64());
    Ok(())
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_an_error() -> Result<(), AgentError> {
    let bytes = sample().to_bytes()?;
    for n in 0..bytes.len() {
        assert!(Archive::from_bytes(&bytes[..n]).is_err(), "{n} of {} bytes", bytes.len());
    }
    Ok(())
}

#[test]
fn a_changed_bit_is_an_error_or_changes_nothing() -> Result<(), AgentError> {
    let bytes = sample().to_bytes()?;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(archive) = Archive::from_bytes(&damaged) {
                assert_eq!(archive, sample(), "bit {bit} of byte {at}");
            }
        }
    }
    Ok(())
}

#[test]
fn what_differs_is_named() -> Result<(), AgentError> {
    let archive = sample();
    let now = serde_json::json!({"x": [1, 3], "y": {"z": 0.1, "new": true}});
    let message = archive.expect_json("settings", &now).expect_err("it differs").to_string();
    assert!(message.contains("`x[1]` was 2 and is 3 now"), "{message}");
    assert!(message.contains("`y.new` was absent and is true now"), "{message}");
    assert!(!message.contains("`y.z`"), "{message}");
    archive.expect_json("settings", &serde_json::json!({"x": [1, 2], "y": {"z": 0.1}}))
}

#[test]
fn a_file_is_whole_or_not_there() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("checkpoint.safetensors");
    let missing = Archive::read(&path).expect_err("it is not there").to_string();
    assert!(missing.contains("checkpoint.safetensors"), "{missing}");
    sample().write(&path)?;
    assert_eq!(Archive::read(&path)?, sample());
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
    assert!(sample().write(&folder.path().join("no/such/folder")).is_err());
    Ok(())
}

#[test]
fn the_wrong_kind_length_or_name_is_an_error() {
    let archive = sample();
    assert!(archive.get::<f64>("a").is_err());
    assert!(archive.get_n::<f32>("a", 2).is_err());
    assert!(archive.get_one::<u64>("b").is_err());
    assert!(archive.get::<f32>("c").is_err());
    assert!(archive.get_json::<bool>("bytes").is_err());
}
