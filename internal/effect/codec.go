package effect

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/strict"
)

// Text is an effect in JSON: "name", or {"name": arguments}.
type Text struct{ Behaviour }

// Texts returns effects for their text.
func Texts(effects []Behaviour) []Text {
	texts := make([]Text, len(effects))
	for i, b := range effects {
		texts[i].Behaviour = b
	}
	return texts
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Text) UnmarshalJSON(text []byte) error {
	decode := func(name string, arguments []byte) (err error) {
		t.Behaviour, err = decodeEffect(name, arguments)
		return err
	}
	if !strict.Bare(text) {
		return strict.DecodeOne(text, decode)
	}
	var name string
	if strict.Decode(text, &name) != nil {
		return errors.New("want the name of an effect, or a name with arguments")
	}
	return decode(name, nil)
}

func decodeEffect(name string, arguments []byte) (Behaviour, error) {
	names := make([]string, len(kinds))
	for i := range kinds {
		k := &kinds[i]
		if names[i] = k.effect.Kind(); names[i] == name {
			return k.decode(arguments)
		}
	}
	return nil, &strict.Error{Key: true, Err: fmt.Errorf("there is no effect %q: %s", name, near.Hint(name, names))}
}

func decodeAll(arguments []byte) (Behaviour, error) {
	var texts []Text
	if arguments == nil {
		return nil, errors.New("want a list of effects")
	}
	err := strict.Decode(arguments, &texts)
	all := make(All, len(texts))
	for i, t := range texts {
		all[i] = t.Behaviour
	}
	return all, err
}

// noArguments refuses arguments other than null and an empty object.
func noArguments(arguments []byte) error {
	if arguments == nil {
		return nil
	}
	if err := strict.DecodeArguments(arguments, "", &struct{}{}); err != nil {
		return errors.New("this effect has no arguments")
	}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (t Text) MarshalJSON() ([]byte, error) {
	for i := range kinds {
		if k := &kinds[i]; k.effect.Kind() == t.Kind() {
			return json.Marshal(k.encode(t.Behaviour))
		}
	}
	return nil, fmt.Errorf("effect %s has no text", t.Kind())
}
