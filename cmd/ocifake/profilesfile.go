package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// writeProfile writes facts as a profile in YAML, below comments.
func writeProfile(w io.Writer, name, title string, facts []profiles.Fact, comments []string) error {
	type fact struct {
		Trait  string            `json:"trait"`
		Value  string            `json:"value"`
		Answer *registry.Answer  `json:"answer,omitempty"`
		Also   []registry.Answer `json:"also,omitempty"`
		Rules  []faults.Rule     `json:"rules,omitempty"`
		Off    string            `json:"off,omitempty"`
		Seen   string            `json:"seen"`
		Source string            `json:"source"`
		Grade  profiles.Grade    `json:"grade"`
		Date   string            `json:"date,omitempty"`
	}
	p := struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		Facts []fact `json:"facts"`
	}{name, title, []fact{}}
	for _, f := range facts {
		p.Facts = append(p.Facts, fact{f.Trait, string(f.Value), f.Answer, f.Also, f.Rules, f.Off, f.Seen, f.Source, f.Grade, f.Date})
	}
	text, err := yamltext.Marshal(p)
	if err != nil {
		return err
	}
	var head strings.Builder
	for _, line := range comments {
		fmt.Fprintf(&head, "# %s\n", strings.Join(strings.Fields(line), " "))
	}
	_, err = io.WriteString(w, head.String()+string(text))
	return err
}
