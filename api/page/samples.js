// Boards to look at before the first one is written: the page's own last example, written by a model and not changed.
// What a board is made of besides (numbers, sums, prompts) is the API's. (tests/unit/test_sample_boards.py)

export const SAMPLE_EXAMPLE = 4; // the prompt's number among the examples

export const SAMPLES = {
  en: {
    model: "qwen2.5-coder-1.5b",
    board: {
      title: "Finding the Message",
      total_duration: 23,
      scenes: [
        {
          scene_number: 1,
          description: "A lighthouse keeper, wearing a light blue uniform, stands on the deck of a ship, looking out at the dark waters. The lighthouse is visible from the deck, but the keeper can't see the message in the bottle.",
          duration: 5,
          camera: "wide shot",
          action: "The keeper looks out at the sea.",
          video_prompt: "A lighthouse keeper, wearing a light blue uniform, stands on the deck of a ship, looking out at the dark waters. The lighthouse is visible from the deck, but the keeper can't see the message in the bottle., high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 2,
          description: "The keeper notices the bottle in the water, and begins to row out into the storm. The bottle is floating in the water, and the keeper can see the message inside.",
          duration: 4,
          camera: "close up",
          action: "The keeper rows out into the storm.",
          video_prompt: "The keeper notices the bottle in the water, and begins to row out into the storm. The bottle is floating in the water, and the keeper can see the message inside., high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 3,
          description: "The keeper reads the message, which is written in a foreign language. The message is a plea for help, and the keeper is forced to row back into the ship.",
          duration: 5,
          camera: "wide shot",
          action: "The keeper reads the message.",
          video_prompt: "The keeper reads the message, which is written in a foreign language. The message is a plea for help, and the keeper is forced to row back into the ship., high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 4,
          description: "The keeper rows back into the ship, and the lighthouse keeper watches as the storm subsides. The message is finally delivered to its intended recipient.",
          duration: 4,
          camera: "wide shot",
          action: "The keeper rows back into the ship.",
          video_prompt: "The keeper rows back into the ship, and the lighthouse keeper watches as the storm subsides. The message is finally delivered to its intended recipient., high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 5,
          description: "The lighthouse keeper stands on the deck of the ship, looking out at the dark waters. The message has been delivered, and the lighthouse keeper is happy.",
          duration: 5,
          camera: "close up",
          action: "The keeper looks out at the sea.",
          video_prompt: "The lighthouse keeper stands on the deck of the ship, looking out at the dark waters. The message has been delivered, and the lighthouse keeper is happy., high quality, cinematic, detailed, 4k, professional",
        },
      ],
    },
  },
  zh: {
    model: "qwen2.5-coder-1.5b",
    board: {
      title: "灯塔看守人捡到漂流瓶，划船驶入风暴",
      total_duration: 22,
      scenes: [
        {
          scene_number: 1,
          description: "一个灯塔看守人正在巡视，突然发现一只漂流瓶漂在海面上。",
          duration: 3,
          camera: "wide shot",
          action: "看守人发现漂流瓶",
          video_prompt: "一个灯塔看守人正在巡视，突然发现一只漂流瓶漂在海面上。, high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 2,
          description: "灯塔看守人拿起漂流瓶，仔细查看。",
          duration: 3,
          camera: "close up",
          action: "看守人检查漂流瓶",
          video_prompt: "灯塔看守人拿起漂流瓶，仔细查看。, high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 3,
          description: "灯塔看守人将漂流瓶放在油灯下，仔细阅读信件。",
          duration: 5,
          camera: "close up",
          action: "看守人阅读信件",
          video_prompt: "灯塔看守人将漂流瓶放在油灯下，仔细阅读信件。, high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 4,
          description: "灯塔看守人将漂流瓶放入船上，准备划船。",
          duration: 3,
          camera: "medium shot",
          action: "看守人准备划船",
          video_prompt: "灯塔看守人将漂流瓶放入船上，准备划船。, high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 5,
          description: "灯塔看守人划船驶入风暴，开始航行。",
          duration: 5,
          camera: "medium shot",
          action: "划船航行",
          video_prompt: "灯塔看守人划船驶入风暴，开始航行。, high quality, cinematic, detailed, 4k, professional",
        },
        {
          scene_number: 6,
          description: "灯塔看守人到达目的地，成功找到漂流瓶。",
          duration: 3,
          camera: "wide shot",
          action: "看守人找到漂流瓶",
          video_prompt: "灯塔看守人到达目的地，成功找到漂流瓶。, high quality, cinematic, detailed, 4k, professional",
        },
      ],
    },
  },
};
