package main

import (
	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/file"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"k8s.io/apimachinery/pkg/runtime"
)

// checked is what Argo says of a workflow before it runs.
type checked struct {
	// Fault is why Argo refuses it; empty: it does not.
	Fault string `json:"fault"`
	// Workflow is its size as JSON, in bytes.
	Workflow int `json:"workflow"`
	// Templates and Arguments are the sizes of its parts, by name.
	Templates map[string]int `json:"templates"`
	Arguments map[string]int `json:"arguments"`
}

// check asks Argo's own validation, which the controller asks before it starts anything.
func check(given object) (*checked, error) {
	workflow := &wfv1.Workflow{}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(given, workflow, true)
	if err != nil {
		return nil, err
	}
	made := &checked{Workflow: size(workflow), Templates: map[string]int{}, Arguments: map[string]int{}}
	for _, one := range workflow.Spec.Templates {
		made.Templates[one.Name] = size(one)
	}
	for _, one := range workflow.Spec.Arguments.Parameters {
		made.Arguments[one.Name] = len(one.Value.String())
	}
	none := templateresolution.WorkflowTemplateNamespacedGetter(nil)
	if err := validate.ValidateWorkflow(none, nil, workflow, nil, validate.ValidateOpts{}); err != nil {
		made.Fault = err.Error()
	}
	return made, nil
}

// measure packs a workflow as Argo does when it is larger than 1 MiB, whether it is or not.
func measure(workflow *wfv1.Workflow) growth {
	made := growth{Nodes: len(workflow.Status.Nodes), Plain: size(workflow)}
	packed := workflow.DeepCopy()
	packed.Status.CompressedNodes = file.CompressEncodeString(text(packed.Status.Nodes))
	packed.Status.Nodes = nil
	made.Packed = size(packed)
	return made
}
