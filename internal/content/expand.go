package content

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseReferences parses a pattern of references. Hosts and digests are not allowed.
func parseReferences(pattern string) ([]reference, error) {
	words, err := expand(pattern, maxReferences)
	if err != nil {
		return nil, fmt.Errorf("reference %q: %w", pattern, err)
	}
	references := make([]reference, len(words))
	seen := make(map[reference]bool)
	for i, word := range words {
		repository, tag, tagged := strings.Cut(word, ":")
		if !tagged {
			tag = "latest"
		}
		if err := (Repository{Name: repository}).checkNames(tag); err != nil {
			return nil, fmt.Errorf("reference %q: %w", word, err)
		}
		r := reference{repository, tag}
		if seen[r] {
			return nil, fmt.Errorf("reference %q: duplicate %s", pattern, r)
		}
		seen[r] = true
		references[i] = r
	}
	return references, nil
}

// expand expands the braces of a pattern as described at [ParseGenerate]. The last braces vary
// fastest. It returns an error for more than most results.
func expand(pattern string, most int) ([]string, error) {
	words := []string{""}
	for pattern != "" {
		literal, rest, open := strings.Cut(pattern, "{")
		if strings.Contains(literal, "}") {
			return nil, errors.New("unexpected }")
		}
		choices := []string{literal}
		if open {
			inside, after, closed := strings.Cut(rest, "}")
			if !closed || strings.Contains(inside, "{") {
				return nil, errors.New("{ without }: want {a,b} or {v1..v9}, without spaces or nested braces")
			}
			var err error
			if choices, err = choose(literal, inside, most); err != nil {
				return nil, err
			}
			rest = after
		}
		if len(words)*len(choices) > most {
			return nil, fmt.Errorf("it expands to more than %d references", most)
		}
		words = combine(words, choices)
		pattern = rest
	}
	return words, nil
}

func combine(words, choices []string) []string {
	all := make([]string, 0, len(words)*len(choices))
	for _, word := range words {
		for _, choice := range choices {
			all = append(all, word+choice)
		}
	}
	return all
}

// choose expands the text inside braces, and adds the prefix to each result.
func choose(prefix, inside string, most int) ([]string, error) {
	if !strings.Contains(inside, ",") && !strings.Contains(inside, "..") {
		return nil, fmt.Errorf("{%s}: want {a,b} or {v1..v9}", inside)
	}
	var choices []string
	for word := range strings.SplitSeq(inside, ",") {
		r, err := parseRange(word)
		if err != nil {
			return nil, err
		}
		if r.last-r.first >= uint64(most-len(choices)) {
			return nil, fmt.Errorf("{%s}: it expands to more than %d references", inside, most)
		}
		for n := r.first; n <= r.last; n++ {
			choices = append(choices, prefix+r.word(n))
		}
	}
	return choices, nil
}

// numbers are words that end with a number, or one word without a number.
type numbers struct {
	prefix      string
	first, last uint64
	width       int // width of the zero-padded number; 0 without a number
}

func (r numbers) word(n uint64) string {
	if r.width == 0 {
		return r.prefix
	}
	return fmt.Sprintf("%s%0*d", r.prefix, r.width, n)
}

// parseRange parses "v1..v9", or a word that is not a range.
func parseRange(word string) (numbers, error) {
	from, to, ok := strings.Cut(word, "..")
	if !ok {
		return numbers{prefix: word}, nil
	}
	prefix, first, err := cutNumber(from)
	toPrefix, last, toErr := cutNumber(to)
	r := numbers{prefix: prefix, width: 1}
	if err = errors.Join(err, toErr); err == nil {
		r.first, err = strconv.ParseUint(first, 10, 32)
	}
	if err == nil {
		r.last, err = strconv.ParseUint(last, 10, 32)
	}
	switch {
	case err != nil || prefix != toPrefix || r.first > r.last:
		return r, fmt.Errorf("%q: want an ascending range of numbers with the same prefix, as in v1..v9", word)
	case !padded(first) && !padded(last):
		return r, nil
	case len(first) != len(last):
		return r, fmt.Errorf("%q: want the same number of digits on both sides, as in v01..v12", word)
	}
	r.width = len(first)
	return r, nil
}

func padded(number string) bool { return len(number) > 1 && number[0] == '0' }

// cutNumber cuts the number from the end of a word.
func cutNumber(word string) (prefix, number string, err error) {
	prefix = strings.TrimRight(word, "0123456789")
	if number = word[len(prefix):]; number == "" {
		return "", "", errors.New("no number")
	}
	return prefix, number, nil
}
