// Shows openapi.json with Scalar, which must not call anything but the API.

const reference = document.getElementById('reference');

Scalar.createApiReference(reference, {
  url: 'openapi.json',
  defaultOpenAllTags: true,
  authentication: {
    preferredSecurityScheme: 'token',
    securitySchemes: { token: { token: reference.dataset.token } },
  },
  agent: { disabled: true },
  mcp: { disabled: true },
  telemetry: false,
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  orderRequiredPropertiesFirst: false,
  orderSchemaPropertiesBy: 'preserve',
});
