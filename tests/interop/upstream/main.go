// Renders templates as upstream's controller does: a job as JSON on each line in, an answer on each line out.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	v1alpha1 "github.com/tinkerbell/tinkerbell/api/v1alpha1/tinkerbell"
	"github.com/tinkerbell/tinkerbell/tink/controller/internal/workflow"
)

type job struct {
	Text     string            `json:"text"`
	Hardware v1alpha1.Hardware `json:"hardware"`
	Map      map[string]string `json:"map"`
	More     map[string]any    `json:"more"` // what the template may name besides; numbers as JSON has them
}

type answer struct {
	Text    string `json:"text"`
	Fault   string `json:"fault"`   // why it isn't rendered; "": it is
	Verdict string `json:"verdict"` // why the controller makes no workflow of it; "": it does
}

func answered(j job) (a answer) {
	data, err := workflow.Data(j.Hardware, j.Map)
	if err != nil {
		log.Fatal(err)
	}
	for key, value := range j.More {
		data[key] = value
	}
	text, err := workflow.Rendered(j.Text, data)
	a.Text = string(text)
	if err != nil {
		a.Fault = err.Error()
	}
	// Templates change what they are given (set, merge), so the data is made anew.
	if data, err = workflow.Data(j.Hardware, j.Map); err != nil {
		log.Fatal(err)
	}
	if err := workflow.Verdict(j.Text, data); err != nil {
		a.Verdict = err.Error()
	}
	return a
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var j job
		if err := decoder.Decode(&j); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(answered(j)); err != nil {
			log.Fatal(err)
		}
	}
}
