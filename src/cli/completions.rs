//! `segma completions` and `segma man`: the command line as shells and `man` want it, made from the flags themselves.

use super::args::{Cli, ManArgs};
use super::output::Folder;
use super::{print, say};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use segma::error::{Error, Result};

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "segma", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the man page, or writes one for each verb.
pub(super) fn man(args: &ManArgs) -> Result<()> {
    let pages = pages()?;
    let Some(target) = &args.output else { return print(&pages[0].1) };
    let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
    let folder = Folder::create(target, &names, args.force)?;
    for (name, page) in &pages {
        folder.write(name, |out| out.write_all(page.as_bytes()))?;
    }
    folder.commit()?;
    say(format_args!("{} pages written", pages.len()));
    Ok(())
}

/// Names and texts: the program's page first, then those of its verbs.
fn pages() -> Result<Vec<(String, String)>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let verbs: Vec<Command> = command.get_subcommands().cloned().collect();
    let all = std::iter::once((command, "segma".to_owned()));
    let named = verbs.into_iter().map(|verb| {
        let name = format!("segma-{}", verb.get_name());
        (verb, name)
    });
    all.chain(named).map(|(command, name)| Ok((format!("{name}.1"), page(command, name)?))).collect()
}

fn page(command: Command, name: String) -> Result<String> {
    let mut text = Vec::new();
    let man = Man::new(command).title(name.to_uppercase());
    man.render(&mut text).map_err(|e| Error::output(name.as_ref(), e))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_the_program_and_for_every_verb() {
        let (pages, command) = (pages().unwrap(), Cli::command());
        assert_eq!(pages[0].0, "segma.1");
        assert_eq!(pages.len(), 1 + command.get_subcommands().count());
        for verb in command.get_subcommands() {
            let name = format!("segma-{}.1", verb.get_name());
            let page = pages.iter().find(|(n, _)| *n == name).unwrap();
            for flag in verb.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.1.replace('\\', "").contains(&format!("--{flag}")), "{name} does not name --{flag}");
            }
        }
    }
}
