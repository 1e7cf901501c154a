package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/internal/bytesize"
)

// flagGroup is a titled group of flags in the help.
type flagGroup struct {
	title string
	flags []flagRow
}

// flagRow is a flag with its destination: a pointer, whose type determines the values and whose
// initial value is the default, or a [pflag.Value].
type flagRow struct {
	name  string
	usage string
	field any
}

// bind adds the flags of the groups to cmd, and sets its usage text.
func bind(cmd *cobra.Command, groups []flagGroup) {
	flags := cmd.Flags()
	for _, g := range groups {
		for _, row := range g.flags {
			bindField(flags, row.name, row.usage, row.field)
			completeField(cmd, flags.Lookup(row.name), row.field)
		}
	}
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		var text strings.Builder
		fmt.Fprintf(&text, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
		for _, g := range groups {
			fmt.Fprintf(&text, "\n%s:\n%s", g.title, g.usages(flags))
		}
		_, err := io.WriteString(cmd.OutOrStderr(), text.String())
		return err
	})
}

// usages returns the usage of the flags, in the order of the group.
func (g flagGroup) usages(all *pflag.FlagSet) string {
	own := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
	own.SortFlags = false
	for _, row := range g.flags {
		own.AddFlag(all.Lookup(row.name))
	}
	return own.FlagUsages()
}

func bindField(fs *pflag.FlagSet, name, usage string, field any) {
	switch p := field.(type) {
	case *bool:
		fs.BoolVar(p, name, *p, usage)
	case *string:
		fs.StringVar(p, name, *p, usage)
	case *[]string:
		fs.Var((*texts)(p), name, usage)
	case *time.Duration:
		fs.DurationVar(p, name, *p, usage)
	case *slog.Level:
		fs.TextVar(p, name, *p, usage)
	case *int:
		fs.Var((*count)(p), name, usage)
	case *int64:
		fs.Var((*size)(p), name, usage)
	case pflag.Value:
		fs.Var(p, name, usage)
	default:
		panic(fmt.Sprintf("--%s: unsupported type %T", name, field))
	}
}

// completeField completes the values of flags for files and enumerations.
func completeField(cmd *cobra.Command, f *pflag.Flag, field any) {
	takes, _ := pflag.UnquoteUsage(f)
	_, loads := field.(*loads)
	switch field.(type) {
	case *logFormat:
		completeFlag(cmd, f.Name, cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	case *storeFlag:
		completeFlag(cmd, f.Name, completeFiles)
	case *slog.Level:
		completeFlag(cmd, f.Name, cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	default:
		if takes == "file" || loads {
			completeFlag(cmd, f.Name, completeFiles)
		}
	}
}

// fileName is the name of a file. It refuses a second value, which would silently replace the
// first, and an empty value, which may come from an unset variable.
type fileName string

func (f *fileName) Type() string   { return "string" }
func (f *fileName) String() string { return string(*f) }

func (f *fileName) Set(s string) error {
	switch {
	case s == "":
		return errors.New("want a file name")
	case *f != "" && string(*f) != s:
		return fmt.Errorf("already set to %q: want one file", string(*f))
	}
	*f = fileName(s)
	return nil
}

// texts is the values of a repeatable flag.
type texts []string

func (t *texts) Type() string   { return "text" }
func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// count is a non-negative number.
type count int

func (c *count) Type() string   { return "count" }
func (c *count) String() string { return strconv.Itoa(int(*c)) }

func (c *count) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("want a number from 0 to %d", math.MaxInt32)
	}
	*c = count(n)
	return nil
}

// size is a number of bytes, such as 4194304, 4MiB or 4MB.
type size int64

func (s *size) Type() string   { return "size" }
func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

func (s *size) Set(text string) error {
	n, err := bytesize.Parse(text)
	if err != nil {
		return err
	}
	*s = size(n)
	return nil
}
