// Package quamina stands in for Quamina, which matches rules, where Go's module proxy doesn't serve it.
// It has what Tinkerbell calls and takes no rule: nothing that needs one can be tried with it.
package quamina

import "errors"

// Quamina holds no rules.
type Quamina struct{}

// New makes one.
func New() (*Quamina, error) { return &Quamina{}, nil }

// AddPattern refuses every rule.
func (*Quamina) AddPattern(any, string) error {
	return errors.New("built without Quamina: no rules")
}

// MatchesForEvent finds nothing.
func (*Quamina) MatchesForEvent([]byte) ([]any, error) { return nil, nil }
