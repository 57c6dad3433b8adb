//! From a trigger to a swap, or to a refusal: one reload after the other.
//!
//! A config that does not load never takes the place of one that does. What is at work changes in one swap, after the journal has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::decl::OnReload;
use aftercall_config::finding;
use aftercall_config::project::{Project, ServiceRules};
use aftercall_config::resolve::{Known, Loaded};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::look::Look;
use super::shadow::Shadow;
use super::shrink::gone;
use super::start::Start;
use super::triggers::{Touched, Trigger, Triggers};
use crate::journal::{Json, ReloadAnswer, ReloadFilter, ReloadState};
use crate::meters::meters;
use crate::service::Service;

/// The longest that files which are never left alone are waited for; from then on only two equal readings count.
const RESTLESS: Duration = Duration::from_secs(10);
/// How often calls are looked for that were planned while a version is held back as a shadow.
const SHADOW_LOOK: Duration = Duration::from_millis(500);
/// So many names stand in a line of the log; the journal has them all.
const NAMED: usize = 8;

/// Watches a project and puts what changes to work.
pub struct Watch {
    service: Arc<Service>,
    root: PathBuf,
    triggers: Triggers,
    /// What is at work was loaded from it.
    active: Look,
    /// What was judged last, and how.
    judged: Judged,
    /// What was touched since.
    touched: Touched,
    /// What earlier loads understood.
    known: Known,
}

/// The last verdict on what stands on the disk.
struct Judged {
    look: Look,
    /// The refusal; absent where it is at work.
    refused: Option<(Option<String>, Value)>,
}

/// Who asks for a reload.
struct Ask {
    by: &'static str,
    /// Rows of the journal that wait for the answer.
    ids: Vec<i64>,
    /// Not to be held back.
    at_once: bool,
}

impl Ask {
    fn of(trigger: &Trigger) -> Self {
        let by = match trigger {
            Trigger::Files(_) => "files",
            Trigger::Scan => "scan",
            Trigger::Signal => "signal",
            Trigger::Asked(_) => "command",
        };
        Self { by, ids: Vec::new(), at_once: false }
    }
}

/// What came of waiting while a version is held back.
enum Held {
    /// It may go on.
    Over,
    /// Something else stands on the disk now.
    Changed(Look),
}

impl Watch {
    /// Begins to watch, and puts on record what the service has started with.
    ///
    /// Errors: SIGHUP cannot be awaited, or the journal fails.
    pub async fn new(service: Arc<Service>, start: Start) -> anyhow::Result<Self> {
        let root = service.root().to_owned();
        let project = service.versions.live();
        // Whoever has asked before there was a service, or held a version back, has this for an answer.
        let open = ReloadFilter { id: None, states: vec![ReloadState::Asked, ReloadState::Held], limit: 1000 };
        let ids = service.journal.reloads(open).await?.into_iter().map(|row| row.id).collect();
        let triggers = Triggers::new(&root, service.journal.clone(), project.service.scan_every)?;
        let Start { loaded, since, active, seen, left, known, .. } = start;
        let mut watch = Self {
            service,
            root,
            triggers,
            judged: Judged { look: active.clone(), refused: None },
            active,
            touched: Touched::unknown(),
            known,
        };
        let mut ask = Ask { by: "start", ids, at_once: false };
        if since.is_some() {
            watch.refuse(&mut ask, seen, None, findings(&loaded)).await?;
        } else {
            watch.accepted(&mut ask, &project, json!({})).await?;
        }
        watch.keep_taking(&project, &left);
        Ok(watch)
    }

    /// Sources that went before the start go on being taken in for as long as if the service had run on.
    fn keep_taking(&self, project: &Project, left: &[(String, Arc<Project>, Timestamp)]) {
        let grace = SignedDuration::try_from(project.service.source_grace).unwrap_or(SignedDuration::ZERO);
        for (name, last, went) in left {
            let Some(until) = went.checked_add(grace).ok().filter(|until| *until > Timestamp::now()) else { continue };
            tracing::warn!(source = %name, %until, "this source was removed; what still comes is taken in under the last config that had it");
            self.service.versions.still_takes(name, last, until);
        }
    }

    /// Reloads whenever something asks for it, until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let every = self.rules().scan_every;
            let trigger = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                trigger = self.triggers.next(every) => trigger,
            };
            let mut ask = Ask::of(&trigger);
            self.hear(&mut ask, trigger);
            let done = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                done = self.reload(&mut ask) => done,
            };
            if let Err(error) = done {
                tracing::error!(%error, "the reload came to nothing: what is at work goes on");
                self.touched.add(Touched::unknown());
            }
            // Folders may be others now.
            if ask.by != "files" || self.touched.unknown || self.judged.look.whole {
                self.triggers.watch();
            }
        }
    }

    fn rules(&self) -> ServiceRules {
        self.service.versions.live().service.clone()
    }

    /// Takes in what a trigger says: what was touched, and who else asks meanwhile and gets the same answer. Gives whether files were touched.
    fn hear(&mut self, ask: &mut Ask, trigger: Trigger) -> bool {
        match trigger {
            Trigger::Files(touched) => {
                self.touched.add(touched);
                return true;
            }
            Trigger::Asked(rows) => {
                ask.at_once |= rows.iter().any(|row| row.at_once);
                for row in rows {
                    if !ask.ids.contains(&row.id) {
                        ask.ids.push(row.id);
                    }
                }
            }
            Trigger::Scan | Trigger::Signal => {}
        }
        false
    }

    /// Reads what is there. Where file events tell what was touched, the rest is what it was; where they do not tell all of it, what looks as it
    /// did is not read again.
    async fn look(&self, by: &str) -> anyhow::Result<Look> {
        let (root, before) = (self.root.clone(), (by == "files").then(|| self.judged.look.clone()));
        let touched = (!self.touched.unknown).then(|| self.touched.paths.clone());
        let read = move || {
            let Some(before) = before else { return Look::at(&root) };
            touched.and_then(|paths| before.touched(&root, &paths)).unwrap_or_else(|| before.again(&root))
        };
        Ok(tokio::task::spawn_blocking(read).await?)
    }

    /// From now on this is the last verdict, and what is touched counts from here.
    fn judge(&mut self, look: Look, refused: Option<(Option<String>, Value)>) {
        self.judged = Judged { look, refused };
        self.touched = Touched::default();
    }

    async fn reload(&mut self, ask: &mut Ask) -> anyhow::Result<()> {
        // Most scans find what is known.
        if ask.by == "scan" && self.look(ask.by).await? == self.judged.look {
            return Ok(());
        }
        let mut look = self.steady(ask).await?;
        while let Held::Changed(newer) = self.offer(look, ask).await? {
            look = newer;
        }
        Ok(())
    }

    /// Reads until two readings with a pause between are the same, and nobody has touched a file for a while.
    async fn steady(&mut self, ask: &mut Ask) -> anyhow::Result<Look> {
        let (rules, end) = (self.rules(), Instant::now() + RESTLESS);
        loop {
            while !ask.at_once {
                let quiet = (self.triggers.touched + rules.quiet).min(end);
                match timeout_at(quiet, self.triggers.next(rules.scan_every)).await {
                    Ok(trigger) => _ = self.hear(ask, trigger),
                    Err(_) => break,
                }
            }
            let first = self.look(ask.by).await?;
            let pause = Instant::now() + rules.quiet / 2;
            let mut touched = false;
            while let Ok(trigger) = timeout_at(pause, self.triggers.next(rules.scan_every)).await {
                touched |= self.hear(ask, trigger);
            }
            if (!touched || ask.at_once || Instant::now() >= end) && self.look(ask.by).await? == first {
                return Ok(first);
            }
        }
    }

    /// Judges what was read. Gives what is there instead, where that has changed meanwhile.
    async fn offer(&mut self, look: Look, ask: &mut Ask) -> anyhow::Result<Held> {
        if look == self.judged.look && !(ask.at_once && self.judged.refused.is_some()) {
            // The same texts, but perhaps in other files: those count from here.
            self.judged.look = look;
            self.touched = Touched::default();
            self.say_again(ask).await?;
            return Ok(Held::Over);
        }
        let mut known = std::mem::take(&mut self.known);
        let (look, loaded, known) = tokio::task::spawn_blocking(move || {
            let loaded = look.load(&mut known);
            (look, loaded, known)
        })
        .await?;
        self.known = known;
        let live = self.service.versions.live();
        let Some(project) = &loaded.project else {
            self.refuse(ask, look, None, findings(&loaded)).await?;
            return Ok(Held::Over);
        };
        let version = Some(project.version.0.clone());
        if project.store_path != live.store_path {
            let why = "`[store] url` is another one: a running service keeps its journal; stop it, move the file, and start it again";
            self.refuse(ask, look, version, json!({"why": why})).await?;
            return Ok(Held::Over);
        }
        if project.pipelines.is_empty() && !live.pipelines.is_empty() && !ask.at_once {
            // As long as it stays so, calls would be taken in that nothing is done about.
            let why = "no pipeline is left, and calls that came in would be skipped; put `pipelines/` back, or say `aftercall reload --now` if that is meant";
            self.refuse(ask, look, version, json!({"why": why})).await?;
            return Ok(Held::Over);
        }
        let gone = gone(&self.active, &look);
        if !gone.is_empty() && !ask.at_once {
            let hold = live.service.shrink_hold;
            tracing::warn!(
                gone = names(&gone),
                hold_s = hold.as_secs_f64(),
                "something has disappeared from the project; it is believed if it stays so"
            );
            let until = Timestamp::now().checked_add(SignedDuration::try_from(hold)?)?;
            self.hold(ask, &version, json!({"gone": gone, "until": until})).await?;
            if let Held::Changed(newer) = self.wait(ask, &look, hold).await? {
                return Ok(Held::Changed(newer));
            }
        }
        let Loaded { project, findings: warnings, documents, .. } = loaded;
        let Some(project) = project.map(Arc::new) else { return Ok(Held::Over) };
        let changed = look.changed(&self.active);
        let mut detail = json!({"changed": changed.iter().map(|path| &**path).collect::<Vec<&str>>(), "gone": gone});
        if live.service.on_reload == OnReload::Shadow && project.version != live.version && !ask.at_once {
            let mut shadow = Shadow::new(project.clone(), live.service.shadow_calls, Timestamp::now());
            if let Held::Changed(newer) = self.beside(ask, &look, &version, &mut shadow).await? {
                return Ok(Held::Changed(newer));
            }
            detail["shadow"] = shadow.told();
        }
        if !warnings.is_empty() {
            detail["findings"] = finding::to_json(&warnings, &documents)["findings"].take();
        }
        self.service.take_over(project.clone(), &look.files).await?;
        self.active = look.clone();
        self.judge(look, None);
        let changed = names(&changed);
        tracing::info!(config = %project.version, before = %live.version, by = ask.by, changed, "a changed project is at work");
        self.removed(&live, &project).await;
        self.accepted(ask, &project, detail).await?;
        Ok(Held::Over)
    }

    /// Says what becomes of calls whose connection the project no longer has.
    async fn removed(&self, before: &Project, project: &Project) {
        for id in before.connections.keys().filter(|id| !project.connections.contains_key(*id)) {
            let waiting = self.service.journal.parked().await.ok().and_then(|parked| parked.get(id).copied()).unwrap_or(0);
            tracing::warn!(
                connection = %id, waiting,
                "this connection is not in the project any more: calls that need it wait until it is there again, or are worked under the \
                 config as it is now"
            );
        }
    }

    /// Waits while nothing changes, and looks once more at the end.
    async fn wait(&mut self, ask: &mut Ask, look: &Look, hold: Duration) -> anyhow::Result<Held> {
        let end = Instant::now() + hold;
        while !ask.at_once && Instant::now() < end {
            if let Held::Changed(newer) = self.hear_until(end, ask, look).await? {
                return Ok(Held::Changed(newer));
            }
        }
        Ok(if self.look(ask.by).await? == *look { Held::Over } else { Held::Changed(self.steady(ask).await?) })
    }

    /// Lets a version plan calls beside the one at work, until it has seen enough of them.
    async fn beside(&mut self, ask: &mut Ask, look: &Look, version: &Option<String>, shadow: &mut Shadow) -> anyhow::Result<Held> {
        tracing::warn!(
            config = version.as_deref(),
            calls = self.rules().shadow_calls,
            "a changed project is held back: it plans the next calls beside the one at work, and nothing is written by it"
        );
        self.hold(ask, version, json!({"shadow": shadow.told()})).await?;
        while !shadow.is_done() && !ask.at_once {
            if let Held::Changed(newer) = self.hear_until(Instant::now() + SHADOW_LOOK, ask, look).await? {
                return Ok(Held::Changed(newer));
            }
            if shadow.look(self.service.journal.as_ref()).await? {
                self.hold(ask, version, json!({"shadow": shadow.told()})).await?;
            }
        }
        let told = shadow.told();
        let (planned, differ) = (told["planned"].as_u64(), told["differ"].as_u64());
        tracing::info!(config = version.as_deref(), planned, differ, "the version that was held back has planned its calls; it takes over");
        Ok(if self.look(ask.by).await? == *look { Held::Over } else { Held::Changed(self.steady(ask).await?) })
    }

    /// Hears one trigger at most, until then, while a version is held back.
    async fn hear_until(&mut self, until: Instant, ask: &mut Ask, look: &Look) -> anyhow::Result<Held> {
        let every = self.rules().scan_every;
        let Ok(trigger) = timeout_at(until, self.triggers.next(every)).await else { return Ok(Held::Over) };
        let compare = matches!(trigger, Trigger::Files(_) | Trigger::Scan);
        self.hear(ask, trigger);
        Ok(if compare && self.look(ask.by).await? != *look { Held::Changed(self.steady(ask).await?) } else { Held::Over })
    }

    /// Puts on record that a version is held back; who asks is answered later.
    async fn hold(&mut self, ask: &mut Ask, version: &Option<String>, detail: Value) -> anyhow::Result<()> {
        let id = self.answer(ask, ReloadState::Held, version.clone(), detail, None).await?;
        if !ask.ids.contains(&id) {
            ask.ids.push(id);
        }
        Ok(())
    }

    async fn accepted(&mut self, ask: &mut Ask, project: &Project, mut detail: Value) -> anyhow::Result<()> {
        detail["sources"] = project.sources.keys().map(String::as_str).collect();
        meters().reloads.add(&["accepted"], 1);
        let operation = self.active.files.get("aftercall.toml").map(ToString::to_string);
        self.answer(ask, ReloadState::Accepted, Some(project.version.0.clone()), detail, operation).await?;
        Ok(())
    }

    /// What is at work stays. Said once for one content, and kept for whoever asks.
    async fn refuse(&mut self, ask: &mut Ask, look: Look, version: Option<String>, detail: Value) -> anyhow::Result<()> {
        let stays = self.service.versions.live().version.clone();
        meters().reloads.add(&["refused"], 1);
        tracing::error!(stays = %stays, by = ask.by, why = detail["why"].as_str(), "the changed project is refused; what is at work goes on");
        for finding in detail["findings"].as_array().into_iter().flatten().filter(|f| f["severity"] == "error").take(NAMED) {
            let word = |key: &str| finding[key].as_str().unwrap_or_default();
            tracing::error!("{}:{}:{} {} {}", word("file"), finding["line"], finding["column"], word("code"), word("message"));
        }
        self.answer(ask, ReloadState::Refused, version.clone(), detail.clone(), None).await?;
        self.judge(look, Some((version, detail)));
        Ok(())
    }

    /// The verdict stands; whoever asks hears it.
    async fn say_again(&mut self, ask: &Ask) -> anyhow::Result<()> {
        if ask.ids.is_empty() {
            return Ok(());
        }
        let (state, version, detail) = match &self.judged.refused {
            Some((version, detail)) => (ReloadState::Refused, version.clone(), detail.clone()),
            None => (ReloadState::Unchanged, Some(self.service.versions.live().version.0.clone()), json!({})),
        };
        self.answer(ask, state, version, detail, None).await?;
        Ok(())
    }

    async fn answer(
        &self,
        ask: &Ask,
        state: ReloadState,
        version: Option<String>,
        detail: Value,
        operation: Option<String>,
    ) -> anyhow::Result<i64> {
        let (ids, asked_by, now) = (ask.ids.clone(), ask.by.to_owned(), Timestamp::now());
        let detail = Some(Json::from(detail));
        Ok(self.service.journal.reload_answer(ReloadAnswer { ids, asked_by, state, version, detail, operation, now }).await?)
    }
}

/// What is told of a project that does not load.
fn findings(loaded: &Loaded) -> Value {
    let mut detail = json!({"text": loaded.render(false)});
    detail["findings"] = finding::to_json(&loaded.findings, &loaded.documents)["findings"].take();
    detail
}

/// Names in a line.
fn names<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<T> = all.into_iter().collect();
    let mut line = all.iter().take(NAMED).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        line.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    line
}
