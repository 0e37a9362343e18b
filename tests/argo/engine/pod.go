package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/argoproj/argo-workflows/v3/workflow/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// retryEnd is how Argo names attempts: (0), (1) and so on.
var retryEnd = regexp.MustCompile(`\(\d+\)$`)

// finished is the state of a pod whose main container ended.
func finished(pod *corev1.Pod, how ending) *corev1.PodStatus {
	if how.How == "evicted" {
		return &corev1.PodStatus{
			Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory.",
		}
	}
	status := &corev1.PodStatus{Phase: corev1.PodSucceeded}
	state := func(name string, code int32) corev1.ContainerStatus {
		reason := "Completed"
		if code != 0 {
			reason = "Error"
		}
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: metav1.Now()},
		}}
	}
	for _, one := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, state(one.Name, 0))
	}
	for _, one := range pod.Spec.Containers {
		code := int32(0)
		if one.Name == common.MainContainerName {
			code = how.Code
		}
		status.ContainerStatuses = append(status.ContainerStatuses, state(one.Name, code))
	}
	if how.Code != 0 {
		status.Phase = corev1.PodFailed
	}
	return status
}

func podOf(object *unstructured.Unstructured) *corev1.Pod {
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, pod); err != nil {
		panic(fmt.Sprintf("the controller made a pod that is none: %v", err))
	}
	return pod
}

func mainOf(pod *corev1.Pod) corev1.Container {
	for _, one := range pod.Spec.Containers {
		if one.Name == common.MainContainerName {
			return one
		}
	}
	return corev1.Container{}
}

func isDriver(pod *corev1.Pod) bool {
	return strings.Contains(mainOf(pod).Image, "/kfp-driver:")
}

// deadlineOf is the lesser of what Kubernetes allows a pod and what Argo tells its own container; 0 if neither limits it.
func deadlineOf(pod *corev1.Pod) int64 {
	var least int64
	if given := pod.Spec.ActiveDeadlineSeconds; given != nil {
		least = *given
	}
	for _, one := range pod.Spec.InitContainers {
		for _, variable := range one.Env {
			if variable.Name != common.EnvVarDeadline {
				continue
			}
			if told, err := time.Parse(time.RFC3339, variable.Value); err == nil && !told.IsZero() {
				if left := int64(time.Until(told).Seconds()); least == 0 || left < least {
					least = left
				}
			}
		}
	}
	return least
}

// taskOf turns p-x7k2p.root.train.fit.executor(0) into train.fit.
func taskOf(node string) string {
	path := strings.Split(retryEnd.ReplaceAllString(node, ""), ".")
	if path[len(path)-1] == "executor" {
		path = path[:len(path)-1]
	}
	if len(path) > 2 && path[1] == "root" {
		path = path[2:]
	} else {
		path = path[1:]
	}
	return strings.Join(path, ".")
}

// longestArgument is how many bytes Linux copies of the longest argument of a pod, its end included.
func longestArgument(pod *corev1.Pod) int {
	longest := 0
	for _, one := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, argument := range append(append([]string{}, one.Command...), one.Args...) {
			longest = max(longest, len(argument)+1)
		}
	}
	return longest
}
