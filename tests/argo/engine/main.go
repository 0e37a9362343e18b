// Command engine asks Argo Workflows about workflows of compiled pipelines.
//
//	engine check < workflow.json    validates and measures a workflow
//	engine run < scenario.json      executes it with Argo's controller; pods end as the scenario says
//
// Answers are JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"
)

func main() {
	logrus.SetOutput(os.Stderr)
	logrus.SetLevel(logrus.ErrorLevel)
	answer, err := answer(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "engine: %v\n", err)
		os.Exit(1)
	}
}

func answer(arguments []string) (any, error) {
	if len(arguments) != 1 {
		return nil, fmt.Errorf("one of check, run is expected, got %q", arguments)
	}
	decoder := json.NewDecoder(os.Stdin)
	switch arguments[0] {
	case "check":
		var workflow object
		if err := decoder.Decode(&workflow); err != nil {
			return nil, fmt.Errorf("workflow: %w", err)
		}
		return check(workflow)
	case "run":
		var given scenario
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&given); err != nil {
			return nil, fmt.Errorf("scenario: %w", err)
		}
		return run(given)
	default:
		return nil, fmt.Errorf("one of check, run is expected, got %q", arguments[0])
	}
}
