//! A story from its text, and how it comes out.

use crate::ZONE;
use crate::sim::Sim;
use crate::step::Step;

/// A line of the file, and what is wrong there.
pub type Difference = (usize, String);

#[derive(Debug)]
pub struct Story {
    /// Name and content.
    files: Vec<(String, String)>,
    /// With the line that each stands on.
    steps: Vec<(usize, Step)>,
}

impl Story {
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Difference> {
        let mut story = Story {
            files: Vec::new(),
            steps: Vec::new(),
        };
        let (mut part, mut has_reason) = (None, false);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if let Some(name) = line.strip_prefix("=== ") {
                if !has_reason {
                    return Err((number, "a story begins with why it is told".into()));
                }
                part = Some(name.trim());
                if part != Some("steps") {
                    story.files.push((name.trim().to_owned(), String::new()));
                }
                continue;
            }
            match part {
                None => has_reason |= !line.trim().is_empty(),
                Some("steps") => story.add_step(number, line)?,
                Some(_) => {
                    if let Some((_, content)) = story.files.last_mut() {
                        content.push_str(line);
                        content.push('\n');
                    }
                }
            }
        }
        Ok(story)
    }

    fn add_step(&mut self, number: usize, line: &str) -> Result<(), Difference> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let step = Step::parse(line).map_err(|mistake| (number, mistake))?;
        self.steps.push((number, step));
        Ok(())
    }

    /// What comes out differently than told.
    pub fn tell(&self, seed: u64) -> Vec<Difference> {
        let mut files: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(name, content)| (&**name, &**content))
            .collect();
        if !files
            .iter()
            .any(|(name, _)| *name == "gslb.example.com.zone")
        {
            files.push(("gslb.example.com.zone", ZONE));
        }
        let mut sim = match Sim::new(&files, seed) {
            Ok(sim) => sim,
            Err(mistakes) => return vec![(1, mistakes)],
        };
        let steps = self.steps.iter();
        steps
            .filter_map(|(line, step)| sim.take(step).err().map(|what| (*line, what)))
            .collect()
    }
}
