package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/profiles/probe"
)

// findProfile returns the profile with a name, or the one in a file.
func findProfile(ctx context.Context, nameOrFile string) (*profiles.Profile, error) {
	p, err := profiles.Find(nameOrFile)
	if err == nil || !isFileName(nameOrFile) {
		return p, err
	}
	text, err := readFile(ctx, nameOrFile)
	if err != nil {
		return nil, err
	}
	p, err = config.ReadProfile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOrFile, err)
	}
	return p, nil
}

// isFileName reports whether a text that is no profile is the name of a file.
func isFileName(text string) bool { return strings.ContainsAny(text, "./\\") }

// readProfile returns the profile of --profile, or nil without one.
func readProfile(ctx context.Context, nameOrFile string) (*profiles.Profile, error) {
	if nameOrFile == "" {
		return nil, nil
	}
	p, err := findProfile(ctx, nameOrFile)
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	return p, nil
}

func newProfiles() *cobra.Command {
	var asJSON, traits bool
	cmd := &cobra.Command{
		Use:   "profiles [NAME|FILE]",
		Short: "List profiles of real registries, or show one",
		Long: `List the profiles of real registries. With a name, print the facts of that profile, with
the evidence of each: the source (S), a recorded answer (R), documentation (D), a
workaround in a client (W), a report (I), or a probe (P).`,
		Example: `  ocifake profiles
  ocifake profiles ecr
  ocifake profiles --traits
  ocifake serve --profile ecr`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return profiles.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case traits && len(args) > 0:
				return fmt.Errorf("--traits lists the traits of all registries: leave out %s", args[0])
			case traits:
				return action(func(cmd *cobra.Command) error { return listTraits(cmd.OutOrStdout(), asJSON) })(cmd, nil)
			case len(args) == 0:
				return action(func(cmd *cobra.Command) error { return listProfiles(cmd.OutOrStdout(), asJSON) })(cmd, nil)
			}
			p, err := findProfile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return action(func(cmd *cobra.Command) error { return showProfile(cmd.OutOrStdout(), p, asJSON) })(cmd, nil)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&traits, "traits", false, "list the traits in which registries differ, and their values")
	cmd.AddCommand(newProfilesDiff(), newProfilesCheck(), newProfilesLearn(), newProfilesUse(), newProfilesCurrent())
	return cmd
}

func newProfilesDiff() *cobra.Command {
	return &cobra.Command{
		Use:     "diff A B",
		Short:   "Print the traits in which two profiles differ",
		Example: "  ocifake profiles diff distribution2 distribution3",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			values := make([]map[string]string, 2)
			for i, name := range args {
				p, err := findProfile(cmd.Context(), name)
				if err != nil {
					return err
				}
				if values[i], err = valuesOf(p); err != nil {
					return err
				}
			}
			return action(func(cmd *cobra.Command) error { return printDiff(cmd.OutOrStdout(), args, values) })(cmd, nil)
		},
	}
}

func newProfilesCheck() *cobra.Command {
	var target probeFlags
	var against string
	cmd := &cobra.Command{
		Use:   "check NAME|FILE --against URL",
		Short: "Compare a profile with a running registry",
		Long: `Measure a running registry as "ocifake probe" does, and compare the values with those of
a profile. The exit status is 1 if a measured value is not that of the profile. A trait of
which the profile has no fact is unknown, and is not compared.`,
		Example: "  ocifake profiles check mine.yaml --against http://localhost:5000",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if against == "" {
				return errors.New("--against is missing: give the URL of a registry")
			}
			p, err := findProfile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			values, err := valuesOf(p)
			if err != nil {
				return err
			}
			to, err := target.target(against)
			if err != nil {
				return err
			}
			return action(func(cmd *cobra.Command) error { return checkAgainst(cmd, values, to) })(cmd, nil)
		},
	}
	cmd.Flags().StringVar(&against, "against", "", "the `URL` of the registry")
	target.bind(cmd)
	return cmd
}

func checkAgainst(cmd *cobra.Command, values map[string]string, to probe.Target) error {
	facts, err := runProbe(cmd, to)
	if err != nil {
		return err
	}
	equal, differ := 0, 0
	for _, f := range facts {
		switch want, ok := values[f.Trait]; {
		case !ok:
		case want == string(f.Value):
			equal++
		default:
			differ++
			fmt.Fprintf(cmd.OutOrStdout(), "%s: the profile has %q, the registry %q: %s\n", f.Trait, want, f.Value, f.Seen)
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d traits are equal, %d differ\n", equal, differ)
	if differ > 0 {
		return &exit{status: 1}
	}
	return nil
}

// valuesOf returns the values of the traits of which a profile has facts.
func valuesOf(p *profiles.Profile) (map[string]string, error) {
	facts, err := p.AllFacts()
	values := map[string]string{}
	for _, f := range facts {
		values[f.Trait] = string(f.Value)
	}
	return values, err
}

const unknownValue = "unknown"

func printDiff(w io.Writer, names []string, values []map[string]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "TRAIT\t%s\t%s\n", names[0], names[1])
	for _, trait := range profiles.Traits() {
		a, b := cmp.Or(values[0][trait.Name], unknownValue), cmp.Or(values[1][trait.Name], unknownValue)
		if a != b {
			fmt.Fprintf(t, "%s\t%s\t%s\n", trait.Name, a, b)
		}
	}
	return t.Flush()
}

func listTraits(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, profiles.Traits())
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TRAIT\tSTRICT\tOTHER VALUES\tWHAT DIFFERS")
	for _, trait := range profiles.Traits() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", trait.Name, trait.Strict, otherValues(trait), trait.About)
	}
	return t.Flush()
}

// otherValues describes the values of a trait beside the strict one.
func otherValues(trait profiles.Trait) string {
	if trait.Kind != profiles.Choice {
		return string(trait.Kind)
	}
	return strings.Join(slices.DeleteFunc(trait.Values, func(v string) bool { return v == trait.Strict }), "|")
}

func listProfiles(w io.Writer, asJSON bool) error {
	var all []*profiles.Profile
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	if asJSON {
		return printJSON(w, all)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tREGISTRY\tFACTS\tOTHER NAMES")
	for _, p := range all {
		facts, err := p.AllFacts()
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", p.Name, p.Title, len(facts), strings.Join(p.Aliases, ", "))
	}
	return t.Flush()
}

func showProfile(w io.Writer, p *profiles.Profile, asJSON bool) error {
	facts, err := p.AllFacts()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, p)
	}
	return printFacts(w, p.Name, p.Title, facts)
}

// printFacts prints the facts of a profile with the evidence of each.
func printFacts(w io.Writer, name, title string, facts []profiles.Fact) error {
	fmt.Fprintf(w, "%s: %s\n", name, title)
	if len(facts) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nTRAIT\tVALUE\tEVIDENCE\tSEEN")
	for _, f := range facts {
		evidence := strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Grade, f.Source, f.Date))
		seen := f.Seen
		if f.Off != "" {
			seen += " (not applied: " + f.Off + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Trait, f.Value, evidence, seen)
	}
	return t.Flush()
}

func newProbe() *cobra.Command {
	var flags probeFlags
	var dry bool
	cmd := &cobra.Command{
		Use:   "probe URL",
		Short: "Measure the traits of a registry, and print them as a profile",
		Long: `Measure the traits of a registry, and print them as a profile in YAML. probe uses a
repository with a random name, pushes small random content, and deletes it. What it cannot
delete is listed on stderr. It does not provoke rate limits. A trait that cannot be
measured is left out.

It logs in (Basic, or Bearer with the token service of the registry) as the user of --user, or
with the credentials in Docker's configuration. They are sent to the registry and to its token
service only. After an interrupt, it deletes what it pushed, for at most 30 seconds.`,
		Example: `  ocifake probe http://localhost:5000 > mine.yaml
  ocifake serve --profile mine.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := flags.target(args[0])
			if err != nil {
				return err
			}
			if dry {
				return action(func(cmd *cobra.Command) error { return listProbes(cmd.OutOrStdout()) })(cmd, nil)
			}
			return action(func(cmd *cobra.Command) error { return probeTarget(cmd, target) })(cmd, nil)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "list the traits that are measured, and send no request")
	flags.bind(cmd)
	return cmd
}

// listProbes lists what a probe measures.
func listProbes(w io.Writer) error {
	about := map[string]string{}
	for _, trait := range profiles.Traits() {
		about[trait.Name] = trait.About
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range probe.Traits() {
		fmt.Fprintf(t, "%s\t%s\n", name, about[name])
	}
	return t.Flush()
}

// probeFlags are the flags of the commands that measure a registry.
type probeFlags struct{ login, repository string }

func (f *probeFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.login, "user", "", "`NAME[:PASSWORD]` to log in with (default: the credentials in Docker's configuration); the password may be in OCIFAKE_PASSWORD")
	cmd.Flags().StringVar(&f.repository, "repo", "", "use this empty `repository`, in place of one with a random name")
}

func (f *probeFlags) target(registry string) (probe.Target, error) {
	u, err := url.Parse(registry)
	if err != nil {
		return probe.Target{}, fmt.Errorf("%q is not the URL of a registry", registry)
	}
	user, password, err := loginFor(f.login, u.Host)
	return probe.Target{URL: registry, Username: user, Password: password, Repository: f.repository}, err
}

// runProbe measures a registry, and lists what stays in it.
func runProbe(cmd *cobra.Command, target probe.Target) ([]profiles.Fact, error) {
	facts, leftovers, err := probe.Run(cmd.Context(), target)
	for _, path := range leftovers {
		fmt.Fprintf(cmd.ErrOrStderr(), "cannot delete %s\n", path)
	}
	return facts, err
}

func probeTarget(cmd *cobra.Command, target probe.Target) error {
	facts, err := runProbe(cmd, target)
	if err != nil {
		return err
	}
	return writeProfile(cmd.OutOrStdout(), "probed", target.URL, facts, nil)
}
