//! The stages that the probe offers to clocks come out as they must; a stage that fails would be timed as a fast one.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::host::Host;

pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let each = Trial::test(format!("{}::stages::each_stage_can_be_repeated", host.name()), move || {
        let mut probe = host.start()?;
        let stages = probe.ask(&json!({ "stages": true }))?;
        let stages: Vec<&str> = stages.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let signatures = stages.iter().filter(|stage| stage.starts_with("verify_")).count();
        if signatures != 14 || stages.len() < 21 {
            return Err(Failed::from(format!("a stage is missing: {stages:?}")));
        }
        for stage in stages {
            for times in [0, 2] {
                let answer = probe.ask(&json!({ "stage": stage, "times": times }))?;
                if answer != json!({ "stage": stage, "times": times }) {
                    return Err(Failed::from(answer.to_string()));
                }
            }
        }
        Ok(())
    });
    let unknown = Trial::test(format!("{}::stages::an_unknown_stage_is_an_error", host.name()), move || {
        match host.start()?.ask(&json!({ "stage": "verify_none", "times": 1 })) {
            Ok(answer) => Err(Failed::from(answer.to_string())),
            Err(_) => Ok(()),
        }
    });
    vec![each, unknown]
}
