package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
)

// Responses of the API.
type (
	faultStates struct {
		Faults []faultState `json:"faults"`
	}
	faultState struct {
		Name    string          `json:"name"`
		Rule    json.RawMessage `json:"rule"`
		Enabled bool            `json:"enabled"`
		Seen    int             `json:"seen"`
		Hits    int             `json:"hits"`
		Done    bool            `json:"done"`
		Unfired string          `json:"unfired,omitempty"`
	}
)

func newFaultsList() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the fault rules of a running ocifake",
		Long: `List the fault rules of a running ocifake in the order in which they apply. SEEN is the
number of requests that match a rule, HITS the number of requests that it acted on. The
state of a rule is on, off (see "ocifake faults disable"), or over if it will not act
again.` + exitHelp,
		Example: `  ocifake faults list
  ocifake faults list --json | jq -r '.[] | select(.hits == 0) | .name'`,
		Args: cobra.NoArgs,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			var list faultStates
			if err := c.call(cmd.Context(), http.MethodGet, "faults", nil, nil, &list); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list.Faults)
			}
			return printFaults(cmd.OutOrStdout(), list.Faults)
		}),
	}
	bind(cmd, []flagGroup{{"Output (default: a table)", []flagRow{
		{"json", "print JSON, including the rules", &asJSON},
	}}, r.flags()})
	return cmd
}

func printFaults(w io.Writer, list []faultState) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no faults")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "name\tstate\tseen\thits\twhere\tdoes")
	for _, f := range list {
		var rule struct {
			Where   string
			Connect bool
			Times   int
			Do, Seq json.RawMessage
		}
		if err := json.Unmarshal(f.Rule, &rule); err != nil {
			return fmt.Errorf("decode rule %q: %w", f.Name, err)
		}
		state, hits, does := "on", strconv.Itoa(f.Hits), string(rule.Do)
		switch {
		case !f.Enabled:
			state = "off"
		case f.Done:
			state = "over"
		}
		if rule.Times > 0 {
			hits += " of " + strconv.Itoa(rule.Times)
		}
		if rule.Connect {
			rule.Where = "(connections)"
		}
		if does == "" {
			does = "in turn " + string(rule.Seq)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", terminal.Escape(f.Name), state, f.Seen, hits, terminal.Escape(rule.Where), terminal.Escape(does))
	}
	return table.Flush()
}
