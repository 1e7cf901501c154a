package main

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryOptionHasAFlag holds the table against the structs that it fills: a
// flag is named after the option, and fills it.
func TestEveryOptionHasAFlag(t *testing.T) {
	c := new(serveConfig)
	flags := make(map[any]string)
	for _, group := range c.flags() {
		for _, row := range group.flags {
			flags[row.field] = row.name
			assert.NotEmpty(t, row.usage, row.name)
		}
	}
	for _, options := range []any{&c.server, &c.server.Limits, &c.registry, &c.store} {
		v := reflect.ValueOf(options).Elem()
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; name {
			case "Allow", "Log", "Hosts", "Dialect": // what only a program can give, or a profile; certificates are made for whatever host is asked for
			case "ClientCerts": // follows from client-ca
			case "Limits": // has fields of its own
			case "MaxStreams", "StreamWindow", "ConnWindow":
				assert.Equal(t, "http2-"+kebab(name), flags[v.Field(i).Addr().Interface()])
			case "Warnings":
				assert.Equal(t, "warning", flags[v.Field(i).Addr().Interface()])
			default:
				assert.Equal(t, kebab(name), flags[v.Field(i).Addr().Interface()])
			}
		}
	}
}

func kebab(camel string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(camel, "$1-$2"))
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4194304": 4194304, "4MiB": 4 << 20, "4 MiB": 4 << 20, "4MB": 4e6, "1.5kib": 1536,
		"9223372036854775807": 1<<63 - 1,
	} {
		s := size(7)
		require.NoError(t, s.Set(text), text)
		assert.EqualValues(t, want, s, text)
	}
	for _, text := range []string{"", "-1", "4 furlongs", "MiB", "1e3", "9223372036854775808", "99999999EiB", "٣"} {
		s := size(7)
		assert.Error(t, s.Set(text), text)
		assert.EqualValues(t, 7, s, text)
	}
}

func TestCount(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "100": 100, "2147483647": 1<<31 - 1} {
		var c count
		require.NoError(t, c.Set(text), text)
		assert.EqualValues(t, want, c, text)
	}
	for _, text := range []string{"", "-1", "0x10", "1.5", "2147483648"} {
		c := count(7)
		assert.Error(t, c.Set(text), text)
		assert.EqualValues(t, 7, c, text)
	}
}

func TestBindRefusesWhatNoFlagFills(t *testing.T) {
	assert.PanicsWithValue(t, "--ratio: unsupported type *float64", func() {
		bind(new(cobra.Command), []flagGroup{{"Group", []flagRow{{"ratio", "a ratio", new(float64)}}}})
	})
}
