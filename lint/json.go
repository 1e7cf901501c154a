package lint

import "encoding/json"

// The report as JSON. Findings have the texts of their rules.
type (
	reportJSON struct {
		Requests int            `json:"requests"`
		Rules    int            `json:"rules"`
		Ignored  int            `json:"ignored"`
		Findings []findingJSON  `json:"findings"`
		Unjudged []unjudgedJSON `json:"unjudged"`
	}
	findingJSON struct {
		Rule     string   `json:"rule"`
		Severity Severity `json:"severity"`
		Client   string   `json:"client"`
		Message  string   `json:"message"`
		Requests []uint64 `json:"requests"`
		Also     []uint64 `json:"also"`
		Count    int      `json:"count"`
		Title    string   `json:"title"`
		Why      string   `json:"why"`
		Source   string   `json:"source"`
		Sentence string   `json:"sentence"`
		Fix      string   `json:"fix"`
		Profiles []string `json:"profiles"`
	}
	unjudgedJSON struct {
		Rule     string   `json:"rule"`
		Reason   string   `json:"reason"`
		Requests []uint64 `json:"requests"`
	}
)

// MarshalJSON returns the report as JSON. Findings have the texts of their rules.
func (r Report) MarshalJSON() ([]byte, error) {
	rules := byID()
	report := reportJSON{Requests: r.Requests, Rules: len(rules), Ignored: r.Ignored, Findings: []findingJSON{}, Unjudged: []unjudgedJSON{}}
	for _, f := range r.Findings {
		rule := rules[f.Rule]
		report.Findings = append(report.Findings, findingJSON{
			Rule: f.Rule, Severity: f.Severity, Client: f.Client, Message: f.Message, Requests: f.Seqs, Also: listed(f.Also), Count: f.Count,
			Title: rule.Title, Why: rule.Why, Source: rule.Source, Sentence: rule.Sentence, Fix: rule.Fix, Profiles: listed(rule.Profiles),
		})
	}
	for _, u := range r.Unjudged {
		report.Unjudged = append(report.Unjudged, unjudgedJSON{u.Rule, u.Reason, listed(u.Seqs)})
	}
	return json.Marshal(report)
}

// listed returns an empty list for nil, which JSON would write as null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
