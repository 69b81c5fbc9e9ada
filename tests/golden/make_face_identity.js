// Writes identity.json: what face-api.js itself answers for the pixels in identity.f32 (float32, 150x150x3, 0 to 255).
// In a folder with @vladmandic/face-api 1.7.15, @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm 4.22.0, and with
// identity.f32, which make_faces.py writes: `node make_face_identity.js`.
const fs = require("fs");
const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");

const read = (path) => { const bytes = fs.readFileSync(path); return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength); };

(async () => {
  const tf = faceapi.tf;
  await tf.setBackend("cpu");
  const folder = "node_modules/@vladmandic/face-api/model/face_recognition_model";
  const manifest = JSON.parse(fs.readFileSync(folder + "-weights_manifest.json"));
  const network = faceapi.nets.faceRecognitionNet;
  network.loadFromWeightMap(tf.io.decodeWeights(read(folder + ".bin"), manifest[0].weights));
  const pixels = tf.tensor4d(new Float32Array(read("identity.f32")), [1, 150, 150, 3]);
  const answer = network.forwardInput({ toBatchTensor: () => pixels });
  fs.writeFileSync("identity.json", JSON.stringify(Array.from(await answer.data())));
})();
