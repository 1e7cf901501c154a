package lint

import (
	"encoding/json"
	"io"
	"net/url"

	"github.com/ocifake/ocifake/internal/must"
)

// The parts of SARIF 2.1.0 (OASIS) that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		URI   string      `json:"informationUri"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID     string        `json:"id"`
		Short  sarifText     `json:"shortDescription"`
		Full   sarifText     `json:"fullDescription"`
		Help   sarifText     `json:"help"`
		Config sarifSettings `json:"defaultConfiguration"`
	}
	sarifSettings struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Count     int             `json:"occurrenceCount"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
)

// levels are the levels of SARIF by severity.
var levels = [...]string{Must: "error", Portability: "error", Should: "warning", Waste: "note"}

// WriteSARIF writes the report in the Static Analysis Results Interchange Format 2.1.0, which code
// hosts show. The name is that of the file with the recording.
func (r Report) WriteSARIF(w io.Writer, name string) error {
	must.NotNil("lint: Report.WriteSARIF: w", w)
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "ocifake lint", URI: "https://github.com/ocifake/ocifake"}},
		Invocations: []sarifInvocation{{Successful: true}},
		Results:     []sarifResult{},
	}
	index := map[string]int{}
	for i, rule := range Rules() {
		index[rule.ID] = i
		full := rule.Why
		if rule.Sentence != "" {
			full += " " + rule.Source + ": " + rule.Sentence
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{rule.ID, sarifText{rule.Title}, sarifText{full}, sarifText{rule.Fix}, sarifSettings{levels[rule.Severity]}})
	}
	for _, f := range r.Findings {
		at := sarifPhysical{sarifArtifact{(&url.URL{Path: name}).String()}}
		run.Results = append(run.Results, sarifResult{f.Rule, index[f.Rule], levels[f.Severity], sarifText{f.Message + " (client " + orNone(f.Client) + requests(", requests ", f.Seqs) + ")"}, []sarifLocation{{at}}, f.Count})
	}
	for _, u := range r.Unjudged {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{"note", sarifText{u.Rule + " did not judge all requests: " + u.Reason}})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}
