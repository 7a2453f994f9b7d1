// Package workflow, added to: what upstream's controller does with a template, for programs outside of it.
package workflow

import v1alpha1 "github.com/tinkerbell/tinkerbell/api/v1alpha1/tinkerbell"

// Rendered is the text that the controller makes of a template, or why it can't.
func Rendered(text string, data map[string]any) ([]byte, error) {
	return renderTemplate("workflow-template", text, data)
}

// Verdict is nil where the controller takes what the template becomes as a workflow.
func Verdict(text string, data map[string]any) error {
	_, err := renderTemplateHardware("template", text, data)
	return err
}

// Data is what the controller lets a template name, but for references.
func Data(hardware v1alpha1.Hardware, hardwareMap map[string]string) (map[string]any, error) {
	data := map[string]any{}
	for key, value := range hardwareMap {
		data[key] = value
	}
	whole, err := structToMap(hardware)
	if err != nil {
		return nil, err
	}
	data[templateDataHardware] = whole
	data[templateDataHardwareLegacy] = toTemplateHardwareData(hardware)
	data[templateDataReferences] = map[string]any{}
	return data, nil
}
