package jsonedit

// Strings replaces each string in a decoded JSON value, other than the names of fields, by what a
// function returns for it. It changes lists and objects in place, and returns the value.
func Strings(value any, edit func(string) string) any {
	switch value := value.(type) {
	case string:
		return edit(value)
	case []any:
		for i := range value {
			value[i] = Strings(value[i], edit)
		}
	case map[string]any:
		for name := range value {
			value[name] = Strings(value[name], edit)
		}
	}
	return value
}
