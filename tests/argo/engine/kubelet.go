package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// ending is how an attempt of a task ends.
type ending struct {
	// How is "exit" (with Code), "deleted" or "evicted".
	How  string `json:"how"`
	Code int32  `json:"code"`
}

// attempt is one pod and what became of it.
type attempt struct {
	Pod      string  `json:"pod"`
	Node     string  `json:"node"`
	Task     string  `json:"task"`
	Driver   bool    `json:"driver"`
	Wave     int     `json:"wave"`
	Begun    float64 `json:"begun"`
	Ending   ending  `json:"ending"`
	Argument int     `json:"argument"`
	Template int     `json:"template"`
	// Deadline is after how many seconds Kubernetes or Argo ends the pod; 0: never.
	Deadline int64 `json:"deadline"`
	// Made is the pod as the controller made it.
	Made object `json:"made"`
}

// kubelet plays pods: in waves, all that run at the same time end together, as they are told.
type kubelet struct {
	store   *store
	driver  *driver
	endings map[string][]ending
	quiet   time.Duration
	started time.Time

	mutex    sync.Mutex
	attempts []*attempt
	waiting  []*attempt
	newest   time.Time
}

// watch sees every pod that the controller makes.
func (k *kubelet) watch(ctx context.Context) {
	all := selection{labels: labels.Everything(), fields: fields.Everything()}
	var version int64
	for ctx.Err() == nil {
		for _, one := range k.store.since("pods", version, func() bool { return ctx.Err() != nil }) {
			version = one.version
			if kind, object, _ := one.event(all); kind == watch.Added {
				if err := k.begin(object); err != nil {
					panic(fmt.Sprintf("%s does not start: %v", object.GetName(), err))
				}
			}
		}
	}
}

func (k *kubelet) begin(object *unstructured.Unstructured) error {
	pod := podOf(object)
	node := pod.Annotations[common.AnnotationKeyNodeName]
	made := &attempt{
		Pod: pod.Name, Node: node, Task: taskOf(node), Begun: seconds(k.started),
		Argument: longestArgument(pod), Template: len(k.template(pod)),
	}
	made.Driver, made.Deadline, made.Made = isDriver(pod), deadlineOf(pod), object.DeepCopy().Object
	err := k.state(pod.Name, &corev1.PodStatus{Phase: corev1.PodRunning})
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.attempts = append(k.attempts, made)
	k.waiting = append(k.waiting, made)
	k.newest = time.Now()
	return err
}

// state writes down what Kubernetes says of a pod.
func (k *kubelet) state(name string, status *corev1.PodStatus) error {
	_, err := k.store.update("pods", namespace, name,
		func(before *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			made, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
			before.Object["status"] = made
			return before, err
		})
	return err
}

// endWaves ends all running pods whenever the controller has made no further one for a while.
func (k *kubelet) endWaves(ctx context.Context) error {
	for wave := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(k.quiet / 4):
		}
		k.mutex.Lock()
		var ended []*attempt
		if len(k.waiting) > 0 && time.Since(k.newest) > k.quiet {
			ended, k.waiting = k.waiting, nil
			wave++
			for _, one := range ended {
				one.Wave, one.Ending = wave, k.next(one)
			}
		}
		k.mutex.Unlock()
		for _, one := range ended {
			if err := k.end(one); err != nil {
				return fmt.Errorf("%s: %w", one.Node, err)
			}
		}
	}
}

// next is how an attempt ends; the caller holds the mutex.
func (k *kubelet) next(one *attempt) ending {
	told := k.endings[one.Task]
	if one.Driver || len(told) == 0 {
		return ending{How: "exit"}
	}
	k.endings[one.Task] = told[1:]
	return told[0]
}

func (k *kubelet) end(one *attempt) error {
	object, err := k.store.get("pods", namespace, one.Pod)
	if err != nil {
		return err
	}
	pod := podOf(object)
	if one.Ending.How == "deleted" {
		if err := k.untilKnown(pod); err != nil {
			return err
		}
		return k.store.remove("pods", namespace, one.Pod)
	}
	if one.Ending.How == "exit" {
		outputs, err := k.outputs(pod, one)
		if err != nil {
			return err
		}
		if err := k.report(pod, outputs, one.Ending.Code); err != nil {
			return err
		}
	}
	return k.state(one.Pod, finished(pod, one.Ending))
}

// settled is how long the controller is given to read back what it wrote. Its copies are brought up to date by events
// that may come late, and a pod that vanishes while its copy still says Pending is made again.
const settled = 3 * time.Second

// untilKnown waits until the controller has written down that a pod runs, and knows it.
func (k *kubelet) untilKnown(pod *corev1.Pod) error {
	var version int64
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		for _, one := range k.store.since("workflows", version, func() bool { return false }) {
			version = one.version
			workflow, err := workflowOf(one.after)
			if err != nil {
				return err
			}
			if workflow.Status.Nodes[pod.Annotations[common.AnnotationKeyNodeID]].Phase == wfv1.NodeRunning {
				time.Sleep(settled)
				return nil
			}
		}
	}
	return fmt.Errorf("the controller does not see that it runs")
}

// outputs are what the wait container saves: parameters of drivers, and the log, as a default installation wants.
func (k *kubelet) outputs(pod *corev1.Pod, one *attempt) (*wfv1.Outputs, error) {
	key := fmt.Sprintf("private-artifacts/%s/%s/2026/05/04/%s/main.log", namespace, pod.Labels[common.LabelKeyWorkflow], pod.Name)
	made := &wfv1.Outputs{Artifacts: wfv1.Artifacts{{
		Name: "main-logs", ArtifactLocation: wfv1.ArtifactLocation{S3: &wfv1.S3Artifact{Key: key}},
	}}}
	if !one.Driver {
		return made, nil
	}
	told, err := k.driver.drive(mainOf(pod).Args)
	if err != nil {
		return nil, err
	}
	template := &wfv1.Template{}
	if err := json.Unmarshal([]byte(k.template(pod)), template); err != nil {
		return nil, err
	}
	for _, parameter := range template.Outputs.Parameters {
		parameter.Value = wfv1.AnyStringPtr(told[parameter.Name])
		made.Parameters = append(made.Parameters, parameter)
	}
	return made, nil
}

// report writes down what the wait container tells the controller.
func (k *kubelet) report(pod *corev1.Pod, outputs *wfv1.Outputs, code int32) error {
	result := &wfv1.WorkflowTaskResult{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Annotations[common.AnnotationKeyNodeID],
			Labels: map[string]string{
				common.LabelKeyWorkflow:               pod.Labels[common.LabelKeyWorkflow],
				common.LabelKeyReportOutputsCompleted: "true",
			},
		},
		NodeResult: wfv1.NodeResult{Outputs: outputs},
	}
	result.APIVersion, result.Kind = "argoproj.io/v1alpha1", "WorkflowTaskResult"
	result.Namespace = namespace
	if code != 0 {
		result.Outputs.Parameters = nil
	}
	made, err := runtime.DefaultUnstructuredConverter.ToUnstructured(result)
	if err != nil {
		return err
	}
	_, err = k.store.create("workflowtaskresults", &unstructured.Unstructured{Object: made})
	return err
}

// template is what Argo's own containers of a pod are told: in a variable, or in a ConfigMap if that is too long.
func (k *kubelet) template(pod *corev1.Pod) string {
	for _, one := range pod.Spec.InitContainers {
		for _, variable := range one.Env {
			if variable.Name != common.EnvVarTemplate {
				continue
			}
			if variable.Value != common.EnvVarTemplateOffloaded {
				return variable.Value
			}
			kept, err := k.store.get("configmaps", namespace, pod.Name)
			if err != nil {
				panic(fmt.Sprintf("the template of %s is nowhere: %v", pod.Name, err))
			}
			return within(kept.Object, "data")[common.EnvVarTemplate].(string)
		}
	}
	return ""
}
