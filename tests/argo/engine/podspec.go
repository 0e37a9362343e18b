package main

import (
	"strconv"
)

// resources turns a container's resources in KFP's form into those of Kubernetes.
func resources(given object) object {
	limits, requests := object{}, object{}
	for _, one := range []struct {
		into     object
		name     string
		accepted []string
	}{
		{limits, "cpu", []string{"resourceCpuLimit"}},
		{limits, "memory", []string{"resourceMemoryLimit"}},
		{requests, "cpu", []string{"resourceCpuRequest"}},
		{requests, "memory", []string{"resourceMemoryRequest"}},
	} {
		for _, key := range one.accepted {
			if value, there := given[key].(string); there {
				one.into[one.name] = value
			}
		}
	}
	if accelerator := within(given, "accelerator"); len(accelerator) > 0 {
		kind, _ := accelerator["resourceType"].(string)
		count, _ := accelerator["resourceCount"].(string)
		limits[kind] = count
	}
	return object{"limits": limits, "requests": requests}
}

// extend adds to a pod what the platform's part of a pipeline asks for.
func extend(pod, main, config object) {
	var volumes, mounts []any
	mount := func(name, path, within string, source object) {
		volumes = append(volumes, merge(object{"name": name}, source))
		one := object{"name": name, "mountPath": path}
		if within != "" {
			one["subPath"] = within
		}
		mounts = append(mounts, one)
	}
	for _, one := range sequence(config["pvcMount"]) {
		given := one.(object)
		claim, _ := given["constant"].(string)
		path, _ := given["mountPath"].(string)
		part, _ := given["subPath"].(string)
		mount(claim, path, part, object{"persistentVolumeClaim": object{"claimName": claim}})
	}
	for _, one := range sequence(config["emptyDirMounts"]) {
		given := one.(object)
		name, _ := given["volumeName"].(string)
		path, _ := given["mountPath"].(string)
		mount(name, path, "", object{"emptyDir": object{}})
	}
	environment := sequence(main["env"])
	environment = append(environment, variables(config, "secretAsEnv", "secret", "secretKeyRef")...)
	environment = append(environment, variables(config, "configMapAsEnv", "configMap", "configMapKeyRef")...)
	main["env"], main["volumeMounts"], pod["volumes"] = environment, mounts, volumes
	if policy, there := config["imagePullPolicy"]; there {
		main["imagePullPolicy"] = policy
	}
	var secrets []any
	for _, one := range sequence(config["imagePullSecret"]) {
		secrets = append(secrets, object{"name": one.(object)["secretName"]})
	}
	if secrets != nil {
		pod["imagePullSecrets"] = secrets
	}
	if labels := within(config, "nodeSelector", "labels"); len(labels) > 0 {
		pod["nodeSelector"] = labels
	}
	if tolerations := sequence(config["tolerations"]); len(tolerations) > 0 {
		pod["tolerations"] = tolerations
	}
	if limit, there := config["activeDeadlineSeconds"].(string); there {
		// A number of 64 bits is a text in protobuf's JSON.
		if seconds, err := strconv.ParseInt(limit, 10, 64); err == nil {
			pod["activeDeadlineSeconds"] = seconds
		}
	}
}

// variables are those that keys of Secrets or ConfigMaps become.
func variables(config object, kind, source, reference string) []any {
	var made []any
	for _, one := range sequence(config[kind]) {
		given := one.(object)
		for _, pair := range sequence(given["keyToEnv"]) {
			key := pair.(object)
			from := object{"name": given[source+"Name"], "key": key[source+"Key"]}
			if optional, there := given["optional"]; there {
				from["optional"] = optional
			}
			made = append(made, object{"name": key["envVar"], "valueFrom": object{reference: from}})
		}
	}
	return made
}
